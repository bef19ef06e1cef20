/*
 * Policies that outlive their agent. A directory of a bpf file system holds, for each spot, its links, its counts and what
 * its cases stand for: SPOT_linkN, SPOT_tallies, SPOT_others, SPOT_verdicts. To replace them, the new programs are attached first and
 * pinned under names of their own, and then the old ones go: for a moment both are at work, but never neither.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "lang/gen.h"
#include "policy/spot.h"

#define BPF_FILES 0xcafe4a11
#define END_MS 5000

/* Directories up to the one that is wanted; those that are there stay as they are. */
static int make_directory(const char *path)
{
	struct statfs files;
	char part[512];
	size_t length = strlen(path);

	if (length >= sizeof(part))
		return -ENAMETOOLONG;
	for (size_t i = 1; i <= length; i++) {
		if (path[i] != '/' && path[i])
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)i, path);
		if (mkdir(part, 0700) && errno != EEXIST)
			return -errno;
	}
	if (statfs(path, &files))
		return -errno;
	return (unsigned int)files.f_type == BPF_FILES ? 0 : -ENODEV;
}

/* Names begin with a letter that says which of two generations they are of. */
static char other_generation(const char *directory)
{
	DIR *files = opendir(directory);
	struct dirent *file;
	char found = 'b';

	while (files && (file = readdir(files)))
		if (file->d_name[0] == 'a')
			found = 'a';
	if (files)
		closedir(files);
	return found == 'a' ? 'b' : 'a';
}

/* The program of a pinned link. 0: it is none. */
static u32 program_of(const char *directory, const char *name)
{
	struct bpf_link_info info = { 0 };
	u32 size = sizeof(info);
	char path[800];
	int link;

	if (!strstr(name, "_link"))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	link = bpf_obj_get(path);
	if (link < 0 || bpf_obj_get_info_by_fd(link, &info, &size))
		info.prog_id = 0;
	if (link >= 0)
		close(link);
	return info.prog_id;
}

/* The kernel takes programs from their places a moment after their links are gone, and only then lets go of them. */
static void await_ends(const u32 *programs, size_t count)
{
	for (int waited = 0, program; count && waited < END_MS;) {
		program = bpf_prog_get_fd_by_id(programs[count - 1]);
		if (program < 0) {
			count--;
			continue;
		}
		close(program);
		usleep(1000);
		waited++;
	}
}

/* `generation` 0: all. They are at work no more when this returns. */
static int remove_files(const char *directory, char generation)
{
	DIR *files = opendir(directory);
	struct dirent *file;
	u32 *programs = NULL;
	size_t count = 0;
	int error = 0;

	if (!files)
		return -errno;
	while ((file = readdir(files))) {
		if (file->d_name[0] == '.' || (generation && file->d_name[0] != generation))
			continue;
		programs = xrealloc(programs, count + 1, sizeof(*programs));
		programs[count] = program_of(directory, file->d_name);
		count += programs[count] != 0;
		if (unlinkat(dirfd(files), file->d_name, 0))
			error = -errno;
	}
	closedir(files);
	if (!error)
		await_ends(programs, count);
	free(programs);
	return error;
}

/* Maps in which is counted, and what for; `others`: what matched beside the first case, -1: it is not counted. */
struct spot_books {
	int verdicts, tallies, others;
};

static struct spot_books books_of(const struct spot *spot)
{
	return (struct spot_books){
		.verdicts = bpf_object__find_map_fd_by_name(spot->object, "policy_verdicts"),
		.tallies = bpf_object__find_map_fd_by_name(spot->object, "policy_tallies"),
		.others = gen_tallies(spot->others),
	};
}

static int pin_map(const struct spot *spot, const char *directory, char generation, int map, const char *name)
{
	char path[640];

	snprintf(path, sizeof(path), "%s/%c%u_%s", directory, generation, spot->number, name);
	return bpf_obj_pin(map, path) ? -errno : 0;
}

static int pin_spot(struct spot *spot, const char *directory, char generation)
{
	char path[640];
	const struct spot_books books = books_of(spot);
	int error = pin_map(spot, directory, generation, books.tallies, "tallies");

	if (!error)
		error = pin_map(spot, directory, generation, books.verdicts, "verdicts");
	if (!error && books.others >= 0)
		error = pin_map(spot, directory, generation, books.others, "others");
	for (size_t i = 0; i < spot->link_count && !error; i++) {
		snprintf(path, sizeof(path), "%s/%c%u_link%zu", directory, generation, spot->number, i);
		error = bpf_link__pin(spot->links[i], path);
	}
	return error;
}

/* A descriptor of ours would keep at work what others remove. To destroy a link would switch its probe off. */
static void let_go(struct spot *spot)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, spot->object)
		bpf_program__unload(program);
	while (spot->link_count) {
		struct bpf_link *link = spot->links[--spot->link_count];
		int fd = bpf_link__fd(link);

		bpf_link__disconnect(link);
		bpf_link__destroy(link);
		close(fd);
	}
}

int engine_pin(struct engine *engine, const char *directory)
{
	int error = make_directory(directory);
	char generation;

	if (error)
		return error;
	generation = other_generation(directory);
	for (size_t i = 0; i < engine->spot_count && !error; i++)
		error = pin_spot(&engine->spots[i], directory, generation);
	for (size_t i = 0; i < engine->spot_count && !error; i++)
		let_go(&engine->spots[i]);
	remove_files(directory, error ? generation : generation == 'a' ? 'b' : 'a');
	return error;
}

int engine_unpin(const char *directory)
{
	int error = remove_files(directory, 0);

	if (error)
		return error;
	return rmdir(directory) ? -errno : 0;
}

static void add_times(struct engine_count *count, u64 first, u64 last)
{
	if (!count->first || first < count->first)
		count->first = first;
	if (last > count->last)
		count->last = last;
}

/* By case; NULL: there are none. */
static struct gen_tally *read_others(int map, u32 *number)
{
	struct bpf_map_info info = { 0 };
	u32 size = sizeof(info), zero = 0;
	struct gen_tally *tallies;

	*number = 0;
	if (map < 0 || bpf_obj_get_info_by_fd(map, &info, &size))
		return NULL;
	tallies = xcalloc(1, info.value_size);
	if (!bpf_map_lookup_elem(map, &zero, tallies))
		*number = info.value_size / sizeof(*tallies);
	return tallies;
}

/* `cases`: of a spot of ours; NULL: it is what is pinned that is counted. */
static void count_books(const struct spot_books *books, const struct spot_case *cases, engine_counted *counted, void *context)
{
	int cpus = libbpf_num_possible_cpus();
	struct policy_tally *each = xcalloc(cpus, sizeof(*each));
	struct policy_verdict verdict;
	u32 other_count;
	struct gen_tally *others = read_others(books->others, &other_count);

	for (u32 i = 0; !bpf_map_lookup_elem(books->verdicts, &i, &verdict); i++) {
		struct engine_count count = { .policy = verdict.policy, .hook = verdict.hook, .selector = verdict.selector };

		if (bpf_map_lookup_elem(books->tallies, &i, each))
			break;
		for (int cpu = 0; cpu < cpus; cpu++) {
			if (!each[cpu].matched)
				continue;
			count.matched += each[cpu].matched;
			count.told += each[cpu].told;
			count.taken += each[cpu].taken;
			add_times(&count, each[cpu].first, each[cpu].last);
		}
		if (i < other_count && others[i].matched) {
			count.matched += others[i].matched;
			add_times(&count, others[i].first, others[i].last);
		} else if (!other_count && cases) {
			count.matched += cases[i].others;
		}
		if (cases)
			count.told += cases[i].others;
		counted(context, &count);
	}
	free(others);
	free(each);
}

int engine_counts(struct engine *engine, engine_counted *counted, void *context)
{
	for (size_t i = 0; i < engine->spot_count; i++) {
		const struct spot *spot = &engine->spots[i];
		const struct spot_books books = books_of(spot);

		if (!spot->enforcer)
			count_books(&books, spot->cases, counted, context);
	}
	return 0;
}

static int open_pinned(const char *directory, const char *spot, int length, const char *name)
{
	char path[800];

	snprintf(path, sizeof(path), "%s/%.*s_%s", directory, length, spot, name);
	return bpf_obj_get(path);
}

static void close_pinned(int map)
{
	if (map >= 0)
		close(map);
}

int engine_pinned_counts(const char *directory, engine_counted *counted, void *context)
{
	DIR *files = opendir(directory);
	struct dirent *file;

	if (!files)
		return -errno;
	while ((file = readdir(files))) {
		const char *kind = strchr(file->d_name, '_');
		struct spot_books books;
		int length;

		if (file->d_name[0] == '.' || !kind || strcmp(kind, "_tallies"))
			continue;
		length = kind - file->d_name;
		books.tallies = open_pinned(directory, file->d_name, length, "tallies");
		books.verdicts = open_pinned(directory, file->d_name, length, "verdicts");
		books.others = open_pinned(directory, file->d_name, length, "others");
		if (books.tallies >= 0 && books.verdicts >= 0)
			count_books(&books, NULL, counted, context);
		close_pinned(books.tallies);
		close_pinned(books.verdicts);
		close_pinned(books.others);
	}
	closedir(files);
	return 0;
}
