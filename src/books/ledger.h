/* Costs as the kernel's ledgers have them: of a process that ended, or lives. `earlier`, if not NULL, is what it had cost before. */
#ifndef BOOKS_LEDGER_H
#define BOOKS_LEDGER_H

#include "books/costs.h"
#include "wire/process.h"
#include "wire/sample.h"

/* Both leave what these records do not have (time in disk waits, network) as it is. */
void ledger_of_exit(struct costs *costs, const struct exit_record *exit, const struct costs *earlier);
void ledger_of_sample(struct costs *costs, const struct sample_record *sample, const struct costs *earlier);

#endif
