/*
 * Conditions that a program has no room for, each alone or all together. Together, what stops something is kept before what only
 * tells, the strictest first, and of equals those that ask for little: they are the most. How many that are is found by halving.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "lang/gen.h"
#include "policy/spot.h"

static void blame(const struct engine *engine, const struct spot_case *each, const struct policy_error *error)
{
	const struct policy_hook *hook = &engine->policies[each->policy].policy->hooks[each->hook];

	engine->errors[each->policy] = *error;
	engine->errors[each->policy].line = hook->line;
	engine->errors[each->policy].column = hook->column;
}

/* How many instructions it is alone. 0: it cannot be compiled, with *why. */
static size_t size_of(const struct spot_case *each, const char **why)
{
	struct gen *gen = gen_new();
	size_t size = 0;

	if (gen_add_case(gen, 0, &spot_layout, each->condition, why) || !gen_preview(gen, &size, why))
		size = 0;
	gen_free(gen);
	return size;
}

static int compare(const void *left, const void *right)
{
	const struct spot_case *a = left, *b = right;

	if (a->strength != b->strength)
		return a->strength > b->strength ? -1 : 1;
	return a->size < b->size ? -1 : a->size > b->size;
}

/* How many of them find room; *error says why no more do. */
static u32 count_fitting(struct engine *engine, const struct spot *spot, struct spot_case *cases, struct policy_error *error)
{
	u32 fit = 0, much = spot->case_count;

	while (much - fit > 1) {
		struct spot trial = *spot;
		struct policy_error said = { 0 };

		trial.object = NULL;
		trial.gen = NULL;
		trial.cases = cases;
		trial.case_count = fit + (much - fit) / 2;
		if (spot_try(engine, &trial, &said)) {
			much = trial.case_count;
			*error = said;
		} else {
			fit = trial.case_count;
		}
		spot_forget(&trial);
	}
	return fit;
}

void spot_blame(struct engine *engine, const struct spot *spot, struct policy_error *error)
{
	struct spot_case *cases = xcalloc(spot->case_count, sizeof(*cases));
	bool found = false;

	for (u32 i = 0; i < spot->case_count; i++) {
		const char *why = NULL;

		cases[i] = spot->cases[i];
		cases[i].size = size_of(&cases[i], &why);
		if (!engine->policies[cases[i].policy].enforce)
			cases[i].strength = 0;
		if (!cases[i].size) {
			spot_say_uncompiled(error, why);
			blame(engine, &cases[i], error);
			found = true;
		}
	}
	if (!found) {
		qsort(cases, spot->case_count, sizeof(*cases), compare);
		u32 fit = count_fitting(engine, spot, cases, error);

		/* what is needed less is tried again without these */
		for (u32 i = fit; i < spot->case_count && cases[i].strength == cases[fit].strength; i++)
			blame(engine, &cases[i], error);
	}
	free(cases);
}
