/* Fuzzes what reads the files of /proc: whatever they hold, a sample comes of it. */
#include <stdlib.h>
#include <string.h>

#include "books/host.h"
#include "tests/fuzz.h"

int main(int argc, char **argv)
{
	static const char *const pieces[] = {
		"cpu  ", "cpu0 ", "intr ", "MemTotal:", "MemAvailable:", "SwapTotal:", "SwapFree:", " kB\n", "\n", " ", "0", "1 ",
		"18446744073709551615 ", "99999999999999999999 ", "-1 ", "   8   0 sda ", " 259 4294967295 nvme ", "  eth0: ", "lo:",
		"../..:", "some avg10=0.00 avg60=0.00 avg300=0.00 total=", "12.34 5.00 1.00 ", "3/456 7890",
	};
	struct fuzz fuzz = fuzz_begin(argc, argv);
	struct host *host = host_open("/nowhere");
	static char buffer[4096];

	while (fuzz_goes_on(&fuzz)) {
		size_t length = fuzz_text(&fuzz, buffer, sizeof(buffer), pieces, FUZZ_COUNT(pieces));
		char *exact = malloc(length ? length : 1);
		struct run_host_sample sample;

		memcpy(exact, buffer, length);
		memset(&sample, 0xff, sizeof(sample));
		host_parse(host, fuzz_below(&fuzz, HOST_SOURCES), exact, length, &sample);
		fuzz_check(sample.time == UINT64_MAX, "a file set the time");
		free(exact);
	}
	host_close(host);
	return 0;
}
