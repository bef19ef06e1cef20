/*
 * A burst of short lives with a known family tree. Each of the middle processes starts its leaves and ends at once,
 * without waiting; a leaf executes this program again and ends. So most parents are dead, and their pids free to be
 * used again, before an observer in user space could look at them.
 *
 * burst MIDDLES LEAVES EXEC: one line "PID PARENT INDEX" a process on stdout; INDEX is -1 for a middle one.
 * EXEC 1: leaves run `burst leaf INDEX`; EXEC 0: they end without executing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct entry {
	int pid, parent;
};

static void run_middle(char *self, struct entry *leaves, int first, int count, int executes)
{
	for (int i = first; i < first + count; i++) {
		int parent = getpid();
		int pid = fork();

		if (pid < 0)
			_exit(1);
		if (pid)
			continue;
		leaves[i].pid = getpid();
		leaves[i].parent = parent;
		if (executes) {
			char number[16];
			char *argv[] = {self, "leaf", number, NULL};

			snprintf(number, sizeof(number), "%d", i);
			execv(self, argv);
			_exit(1);
		}
		_exit(0);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	int middles, count, status, failed = 0;
	struct entry *leaves, *middle;

	if (argc >= 2 && !strcmp(argv[1], "leaf"))
		return 0;
	if (argc != 4)
		return 2;
	middles = atoi(argv[1]);
	count = atoi(argv[2]);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	leaves = mmap(NULL, (size_t)middles * (count + 1) * sizeof(*leaves), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (leaves == MAP_FAILED)
		return 1;
	middle = leaves + (size_t)middles * count;
	for (int i = 0; i < middles; i++) {
		int pid = fork();

		if (!pid)
			run_middle(argv[0], leaves, i * count, count, atoi(argv[3]));
		middle[i].pid = pid;
		middle[i].parent = getpid();
		/* Reap as we go, so that the process table stays small and pids come back. */
		while (waitpid(i % 4 == 3 ? -1 : pid, &status, i % 4 == 3 ? WNOHANG : 0) > 0)
			failed |= status;
	}
	while (wait(&status) > 0)
		failed |= status;
	for (int i = 0; i < middles; i++)
		printf("%d %d -1\n", middle[i].pid, middle[i].parent);
	for (int i = 0; i < middles * count; i++)
		printf("%d %d %d\n", leaves[i].pid, leaves[i].parent, i);
	return failed ? 1 : 0;
}
