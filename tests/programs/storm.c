/*
 * As many events as one core can make, and an exact number of them: `storm exec N` starts N children that execute
 * and end; `storm open N` opens and closes /dev/null N times; `storm connect PORT N` connects to 127.0.0.1 N times.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int spawn_leaf(char *self)
{
	char *argv[] = {self, "leaf", NULL};
	int pid = vfork();

	if (!pid) {
		execv(self, argv);
		_exit(1);
	}
	return pid;
}

static int storm_exec(char *self, int count)
{
	for (int i = 0; i < count; i++) {
		int pid = spawn_leaf(self);

		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			return 1;
	}
	return 0;
}

static int storm_open(int count)
{
	for (int i = 0; i < count; i++) {
		int file = open("/dev/null", O_RDONLY);

		if (file < 0)
			return 1;
		close(file);
	}
	return 0;
}

static int storm_connect(int port, int count)
{
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(port)};

	peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < count; i++) {
		int file = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(file, (struct sockaddr *)&peer, sizeof(peer)))
			return 1;
		close(file);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "leaf"))
		return 0;
	if (argc == 3 && !strcmp(argv[1], "exec"))
		return storm_exec(argv[0], atoi(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "open"))
		return storm_open(atoi(argv[2]));
	if (argc == 4 && !strcmp(argv[1], "connect"))
		return storm_connect(atoi(argv[2]), atoi(argv[3]));
	fprintf(stderr, "usage: storm exec N | open N | connect PORT N\n");
	return 2;
}
