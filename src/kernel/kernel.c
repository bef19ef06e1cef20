/*
 * Loading. For every wanted point the best rung that a look at the machine does not rule out is chosen, all are
 * loaded at once, then attached. If a program of a rung is refused after all, the rung is struck with the reason and
 * everything starts again with the next one: rare, and simpler than loading rung by rung.
 */
#include "kernel/kernel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/message.h"
#include "base/wall.h"
#include "kernel/again.h"
#include "kernel/choose.h"
#include "kernel/linger.h"
#include "kernel/object.h"
#include "kernel/splice.h"

#define LINKS_MAX 96
#define SLOW_MAX 4
#define LIFE_SIZE (2 << 20)
#define BULK_SIZE (4 << 20)
#define UNUSED_SIZE 4096
#define FILES_NEEDED 1024
#define FILES_MOST 16384
/* Processes that a tree can have at once. */
#define WATCHED_MAX 65536
/* Ends of connections at once, where memory for them is taken as they come. */
#define CONNECTIONS_MAX 262144

struct kernel {
	const struct kernel_options *options;
	const struct features *features;
	struct bpf_object *object;
	struct bpf_link *links[LINKS_MAX];
	size_t link_count;
	int slow[SLOW_MAX];	/* descriptors of links that take long to end */
	size_t slow_count;
	struct lanes *lanes;
	struct taken taken[POINTS_MAX];
	size_t taken_count;
	size_t life_size, bulk_size;
	struct choose *choose;
	u32 kinds;
	bool unfiltered;	/* the programs are not taken with the filter */
	u64 folded[KIND_MAX];	/* records made of what was folded */
};

static u32 lane_kinds(const char *lane)
{
	u32 kinds = 0;

#define KIND(name, value, in, strings, help) kinds |= !strcmp(#in, lane) ? 1U << (value) : 0;
#include "wire/events.def"
#undef KIND
	return kinds;
}

static void list_points(struct kernel *kernel)
{
	for (const struct sensor *const *sensor = sensors; *sensor; sensor++)
		for (const struct point *point = (*sensor)->points; point->name; point++)
			if (point->kinds & kernel->options->kinds && kernel->taken_count < POINTS_MAX)
				kernel->taken[kernel->taken_count++] = (struct taken){ .point = point,
										      .rung = point->rungs };
}

static void strike(struct taken *taken, const char *why)
{
	if (taken->tried < 8)
		snprintf(taken->why[taken->tried], sizeof(taken->why[0]), "%s", why);
	taken->tried++;
	taken->rung++;
	if (!taken->rung->name)
		taken->rung = NULL;
}

static bool sensor_wanted(const struct sensor *sensor, u32 kinds)
{
	for (const struct point *point = sensor->points; point->name; point++)
		if (point->kinds & kinds)
			return true;
	return false;
}

static void set_autoload(struct bpf_object *object, const char *const *names, bool load)
{
	for (; *names; names++)
		bpf_program__set_autoload(bpf_object__find_program_by_name(object, *names), load);
}

static size_t size_lane(struct bpf_object *object, const char *name, size_t wanted, bool used)
{
	size_t size = used ? wanted : UNUSED_SIZE;

	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, name), size);
	return size;
}

/* So often is asked how full a lane is on its way to the mark. */
#define WAKE_STEPS 16
#define WAKE_STEP_MAX 4096

/* At a quarter of a lane its reader is woken ahead of its time. */
static size_t find_mark(const struct kernel *kernel)
{
	if (kernel->bulk_size == UNUSED_SIZE || kernel->bulk_size > kernel->life_size)
		return kernel->life_size / 4;
	return kernel->bulk_size / 4;
}

static bool filters(const struct kernel *kernel)
{
	return kernel->options->filtered && !kernel->unfiltered;
}

static void fill_settings(const struct kernel *kernel, struct settings *settings)
{
	const struct kernel_options *options = kernel->options;
	const struct features *features = kernel->features;

	settings->scope = options->scope;
	settings->scope_uid = options->scope_uid;
	settings->scope_cgroup = options->scope_cgroup;
	settings->idle_signals = options->idle_signals;
	settings->all_drops = options->all_drops;
	settings->self = getpid();
	settings->page_size = sysconf(_SC_PAGESIZE);
	settings->wake_bytes = find_mark(kernel);
	settings->wake_step = settings->wake_bytes / WAKE_STEPS;
	if (settings->wake_step > WAKE_STEP_MAX)
		settings->wake_step = WAKE_STEP_MAX;
	settings->kinds = options->kinds;
	settings->stack_size = features->stack_size;
	settings->tick_ns = wall_tick();
	settings->casts = choose_has(kernel->choose, CHOOSE_CASTS);
	settings->filtered = filters(kernel) ? options->filtered : 0;
	memcpy(settings->controllers, features->controllers, sizeof(settings->controllers));
}

static void load_optional(struct kernel *kernel, const struct rung *rung)
{
	for (const char *const *name = rung->optional; *name; name++)
		if (!choose_objection(kernel->choose, kernel->object, *name))
			bpf_program__set_autoload(bpf_object__find_program_by_name(kernel->object, *name), true);
}

/* What decides looks at a record to its largest size; paths, and records before them, are put together at the end of memory. */
static void make_room(struct bpf_object *object)
{
	struct bpf_map *paths = bpf_object__find_map_by_name(object, "paths");

	bpf_map__set_value_size(paths, bpf_map__value_size(paths) + RECORD_ROOM);
}

/*
 * Of connections there can be very many, and mostly are few. Where the kernel can allocate in any program the table
 * takes memory for those that are there; elsewhere all that it may ever need is set aside.
 */
static void size_connections(const struct kernel *kernel)
{
	struct bpf_map *map = bpf_object__find_map_by_name(kernel->object, "connections");

	if (bpf_map__max_entries(map) == 1 || !choose_has(kernel->choose, CHOOSE_ALLOCATES))
		return;
	bpf_map__set_map_flags(map, BPF_F_NO_PREALLOC);
	bpf_map__set_max_entries(map, CONNECTIONS_MAX);
}

/* The object, open already or not, with the programs of the chosen rungs. */
static int open_chosen(struct kernel *kernel)
{
	const struct kernel_options *options = kernel->options;
	size_t ring = options->ring_size;
	struct settings *settings;
	int error = 0;

	if (!kernel->object)
		kernel->object = object_open();
	if (!kernel->object)
		return -errno;
	settings = object_settings(kernel->object);
	for (size_t i = 0; i < kernel->taken_count; i++)
		if (kernel->taken[i].rung) {
			set_autoload(kernel->object, kernel->taken[i].rung->programs, true);
			load_optional(kernel, kernel->taken[i].rung);
		}
	kernel->life_size = size_lane(kernel->object, "life", ring ? ring : LIFE_SIZE, true);
	kernel->bulk_size = size_lane(kernel->object, "bulk", ring ? ring : BULK_SIZE,
				      options->kinds & lane_kinds("bulk"));
	if (options->scope == SCOPE_TREE)
		bpf_map__set_max_entries(bpf_object__find_map_by_name(kernel->object, "watched"), WATCHED_MAX);
	fill_settings(kernel, settings);
	if (filters(kernel) && options->filtered & KIND_BIT(open))
		make_room(kernel->object);
	for (const struct sensor *const *sensor = sensors; *sensor && !error; sensor++) {
		if ((*sensor)->prepare)
			error = (*sensor)->prepare(kernel->object);
		if ((*sensor)->existing && sensor_wanted(*sensor, options->kinds))
			set_autoload(kernel->object, (*sensor)->existing, true);
	}
	size_connections(kernel);
	return error;
}

static bool rung_has(const struct rung *rung, const char *program)
{
	for (const char *const *name = rung ? rung->programs : NULL; name && *name; name++)
		if (!strcmp(*name, program))
			return true;
	return false;
}

static struct taken *find_refused(struct kernel *kernel)
{
	for (size_t i = 0; i < kernel->taken_count; i++)
		if (rung_has(kernel->taken[i].rung, object_refused()))
			return &kernel->taken[i];
	return NULL;
}

/* Returns 0 or -errno. */
static int attach_program(struct kernel *kernel, const struct rung *rung, struct bpf_program *program, const char **why)
{
	struct bpf_link **links = &kernel->links[kernel->link_count];
	int room = LINKS_MAX - kernel->link_count, count;

	if (room < 1)
		return -ENOSPC;
	if (rung->attach_many) {
		count = rung->attach_many(program, links, room, why);
	} else {
		links[0] = rung->attach ? rung->attach(program, why) : bpf_program__attach(program);
		count = links[0] ? 1 : -errno;
	}
	kernel->link_count += count > 0 ? count : 0;
	if (rung->slow_end && count == 1 && kernel->slow_count < SLOW_MAX)
		kernel->slow[kernel->slow_count++] = bpf_link__fd(links[0]);
	return count < 0 ? count : 0;
}

static int attach_point(struct kernel *kernel, struct taken *taken)
{
	const struct rung *rung = taken->rung;
	size_t before = kernel->link_count, slow = kernel->slow_count;

	for (const char *const *name = rung->programs; *name; name++) {
		struct bpf_program *program = bpf_object__find_program_by_name(kernel->object, *name);
		const char *why = NULL;
		char text[160];
		int error;

		object_said_clear();
		error = attach_program(kernel, rung, program, &why);
		if (!error)
			continue;
		snprintf(text, sizeof(text), "%s does not attach: %s%s%s", *name, strerror(-error), why ? ", " : "",
			 why ? why : "");
		while (kernel->link_count > before)
			bpf_link__destroy(kernel->links[--kernel->link_count]);
		kernel->slow_count = slow;
		strike(taken, text);
		return -EAGAIN;
	}
	for (const char *const *name = rung->optional; *name; name++) {
		struct bpf_program *program = bpf_object__find_program_by_name(kernel->object, *name);
		const char *why;

		if (program && bpf_program__fd(program) >= 0)
			attach_program(kernel, rung, program, &why);
	}
	return 0;
}

static void drop(struct kernel *kernel)
{
	kernel_detach(kernel);
	lanes_close(kernel->lanes);
	kernel->lanes = NULL;
	object_close(kernel->object);
	kernel->object = NULL;
}

static void keep_again(const struct kernel *kernel)
{
	for (size_t i = 0; i < kernel->taken_count; i++)
		if (kernel->taken[i].rung && kernel->taken[i].rung->again)
			again_begin(kernel->taken[i].rung->programs[0]);
}

static int load(struct kernel *kernel)
{
	const struct kernel_options *options = kernel->options;
	int error;

	object_said_clear();
	if (filters(kernel))
		splice_begin(bpf_object__btf(kernel->object), "decide", options->filter, options->filter_length);
	keep_again(kernel);
	error = bpf_object__load(kernel->object);
	again_end();
	splice_end();
	return error;
}

/*
 * One attempt: -EAGAIN after a rung was struck, or if it is to be seen whether it was the filter that was refused: who reads
 * the events can do without.
 */
static int load_and_attach(struct kernel *kernel)
{
	int error = open_chosen(kernel), bulk;
	struct taken *refused;

	if (error)
		return error;
	error = load(kernel);
	if (error == -E2BIG && filters(kernel) && kernel->options->filter_needed) {
		message_error("this filter is too complex for this kernel: patterns with * cost most; ask for less, or first for what "
			      "rules out most");
		return -ECANCELED;
	}
	if (error && filters(kernel) && !kernel->options->filter_needed) {
		kernel->unfiltered = true;
		return -EAGAIN;
	}
	if (error) {
		char why[160];

		kernel->unfiltered = false;
		refused = find_refused(kernel);
		snprintf(why, sizeof(why), "%s", object_said()[0] ? object_said() : strerror(-error));
		if (!refused)
			return error;
		strike(refused, why);
		return -EAGAIN;
	}
	for (size_t i = 0; i < kernel->taken_count; i++)
		if (kernel->taken[i].rung && attach_point(kernel, &kernel->taken[i]))
			error = -EAGAIN;
	if (error)
		return error;
	bulk = bpf_object__find_map_fd_by_name(kernel->object, "bulk");
	kernel->lanes = lanes_open(bpf_object__find_map_fd_by_name(kernel->object, "life"), kernel->life_size,
				   kernel->bulk_size == UNUSED_SIZE ? -1 : bulk, kernel->bulk_size, find_mark(kernel));
	return kernel->lanes ? 0 : -errno;
}

static bool core_works(const struct kernel *kernel)
{
	for (size_t i = 0; i < kernel->taken_count; i++) {
		const struct taken *taken = &kernel->taken[i];

		if (taken->point->core && !taken->rung) {
			message_error("cannot watch %s: %s (`sonde doctor` says more)", taken->point->name,
				      taken->tried ? taken->why[0] : "no way known");
			return false;
		}
	}
	return true;
}

/* Strikes the rungs that a look at the machine speaks against. */
static void rule_out(struct kernel *kernel)
{
	for (size_t i = 0; kernel->object && i < kernel->taken_count; i++) {
		struct taken *taken = &kernel->taken[i];

		while (taken->rung) {
			const char *why = choose_forbidden(taken->point, taken->rung) ?
						  "another rung was asked for" :
						  choose_rung_objection(kernel->choose, kernel->object, taken->rung);

			if (!why)
				break;
			strike(taken, why);
		}
	}
}

/*
 * Each program and map is an open file, some thirty for each place that policies hang on, and a shell may allow few. A command
 * that is watched was forked before and keeps its limit.
 */
static void allow_files(void)
{
	struct rlimit limit;
	rlim_t most;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= FILES_MOST)
		return;
	most = limit.rlim_max;
	if (most < FILES_NEEDED)
		limit.rlim_max = FILES_NEEDED;
	limit.rlim_cur = limit.rlim_max < FILES_MOST ? limit.rlim_max : FILES_MOST;
	if (!setrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max = most;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void say_refused(int error)
{
	if (error == -ENOMEM)
		message_error("cannot load the programs: they and their maps need some 40 MiB of memory, and the control group or "
			      "the machine has no more; give it more, or less to the lanes (--ring-size)");
	else if (error == -EMFILE || error == -ENFILE)
		message_error("cannot load the programs: %s; allow at least %d (ulimit -n)", strerror(-error), FILES_NEEDED);
	else
		message_error("cannot load the program %s: %s", object_refused(),
			      object_said()[0] ? object_said() : strerror(-error));
}

struct kernel *kernel_open(const struct kernel_options *options, const struct features *features)
{
	struct kernel *kernel = xcalloc(1, sizeof(*kernel));
	int error = -EAGAIN;

	allow_files();
	kernel->options = options;
	kernel->kinds = options->kinds;
	kernel->features = features;
	list_points(kernel);
	kernel->object = object_open();
	kernel->choose = choose_new(features, kernel->object);
	rule_out(kernel);
	while (error == -EAGAIN && core_works(kernel)) {
		error = load_and_attach(kernel);
		if (error)
			drop(kernel);
	}
	if (!error && kernel->unfiltered)
		message_note("the kernel's verifier finds the filter too complex; all events are read, and filtered then");
	if (!error)
		return kernel;
	if (error != -EAGAIN && error != -ECANCELED)
		say_refused(error);
	kernel_close(kernel);
	return NULL;
}

static void detach_again(struct kernel *kernel)
{
	for (size_t i = 0; i < kernel->taken_count; i++)
		if (kernel->taken[i].again > 0) {
			close(kernel->taken[i].again);
			kernel->taken[i].again = 0;
		}
}

/* What lingers is switched off first, when our own descriptor is closed; only its memory is still there for a while. */
void kernel_detach(struct kernel *kernel)
{
	int held = kernel->options->lingers && kernel->slow_count ? linger_for(kernel->slow, kernel->slow_count) : -1;

	detach_again(kernel);
	while (kernel->link_count)
		bpf_link__destroy(kernel->links[--kernel->link_count]);
	kernel->slow_count = 0;
	if (held >= 0)
		close(held);
}

void kernel_close(struct kernel *kernel)
{
	if (!kernel)
		return;
	drop(kernel);
	choose_free(kernel->choose);
	free(kernel);
}

struct bpf_object *kernel_object(struct kernel *kernel)
{
	return kernel->object;
}

struct lanes *kernel_lanes(struct kernel *kernel)
{
	return kernel->lanes;
}

const struct taken *kernel_taken(const struct kernel *kernel, size_t *count)
{
	*count = kernel->taken_count;
	return kernel->taken;
}

int kernel_watch(struct kernel *kernel, u32 pid)
{
	u32 one = 1;

	return bpf_map_update_elem(bpf_object__find_map_fd_by_name(kernel->object, "watched"), &pid, &one, BPF_ANY);
}

/* An iterator's output is a row of records; a read may end in the middle of one. */
static int read_records(int fd, lanes_deliver *deliver, void *context)
{
	static char buffer[65536];
	size_t have = 0;
	ssize_t got;

	while ((got = read(fd, buffer + have, sizeof(buffer) - have)) > 0 || (got < 0 && errno == EAGAIN)) {
		size_t at = 0;

		have += got > 0 ? got : 0;
		while (have - at >= sizeof(struct record)) {
			const struct record *record = (const void *)(buffer + at);

			if (record->size < sizeof(*record) || record->size > have - at)
				break;
			deliver(context, record, record->size);
			at += record->size;
		}
		memmove(buffer, buffer + at, have - at);
		have -= at;
	}
	return got < 0 ? -errno : 0;
}

static int run_iterator(struct bpf_program *program, lanes_deliver *deliver, void *context)
{
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);
	int fd, error;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	error = fd < 0 ? -errno : read_records(fd, deliver, context);
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return error;
}

int kernel_existing(struct kernel *kernel, lanes_deliver *deliver, void *context)
{
	int error = 0;

	for (const struct sensor *const *sensor = sensors; *sensor; sensor++) {
		for (const char *const *name = (*sensor)->existing; name && *name; name++) {
			struct bpf_program *program = bpf_object__find_program_by_name(kernel->object, *name);
			int failed = 0;

			if (program && bpf_program__fd(program) >= 0)
				failed = run_iterator(program, deliver, context);
			if (failed)
				error = failed;
		}
	}
	return error;
}

/* How often the kernel skipped a program because it was already running on that CPU. */
static u64 skipped(const struct kernel *kernel, const struct rung *rung)
{
	u64 sum = 0;

	for (const char *const *name = rung->programs; *name; name++) {
		struct bpf_program *program = bpf_object__find_program_by_name(kernel->object, *name);
		struct bpf_prog_info info = { 0 };
		u32 size = sizeof(info);

		if (!bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
			sum += info.recursion_misses;
	}
	return sum;
}

/*
 * Twice the same program costs twice as much, for nothing where no interrupt comes in the middle of it. So there is a second
 * only where that happens, from the first time on.
 */
static void attach_again(struct kernel *kernel, struct taken *taken)
{
	u32 zero = 0, one = 1;
	int fd;

	if (!taken->rung || !taken->rung->again || taken->again || !skipped(kernel, taken->rung))
		return;
	/* Before it is attached: what the first saw to after that must not be done again. */
	fd = bpf_object__find_map_fd_by_name(kernel->object, taken->rung->again);
	if (bpf_map_update_elem(fd, &zero, &one, BPF_ANY))
		return;
	taken->again = again_attach(kernel->object, taken->rung->programs[0]);
	taken->twice = taken->again > 0;
	if (taken->twice)
		taken->missed = skipped(kernel, taken->rung);
	else
		bpf_map_update_elem(fd, &zero, &zero, BPF_ANY);
}

int kernel_fold(struct kernel *kernel, lanes_deliver *deliver, void *context)
{
	int error = 0;

	for (size_t i = 0; i < kernel->taken_count; i++)
		attach_again(kernel, &kernel->taken[i]);
	for (const struct sensor *const *sensor = sensors; *sensor; sensor++) {
		long told = 0;

		if ((*sensor)->fold && sensor_wanted(*sensor, kernel->kinds))
			told = (*sensor)->fold(kernel->object, deliver, context);
		if (told < 0)
			error = told;
		else
			kernel->folded[point_kind((*sensor)->points)] += told;
	}
	return error;
}

/*
 * Runs that the kernel skipped because the program was already running on that CPU: what they would have told is not
 * known, so each counts as one record of the first kind that is wanted of the point, produced and lost.
 */
static void add_missed(struct kernel *kernel, const struct taken *taken, struct record_counts *sum)
{
	u32 wanted = taken->point->kinds & kernel->kinds & ~KIND_BIT(live);
	u32 kind = wanted ? (u32)__builtin_ctz(wanted) : point_kind(taken->point);
	u64 missed = taken->twice ? taken->missed : taken->rung ? skipped(kernel, taken->rung) : 0;

	sum->produced[kind] += missed;
	sum->lost[kind][LOSS_MISSED] += missed;
}

int kernel_counts(struct kernel *kernel, struct record_counts *sum)
{
	int fd = bpf_object__find_map_fd_by_name(kernel->object, "counts");
	int cpus = libbpf_num_possible_cpus(), error;
	struct record_counts *each = xcalloc(cpus, sizeof(*each));
	u32 zero = 0;

	memset(sum, 0, sizeof(*sum));
	error = bpf_map_lookup_elem(fd, &zero, each) ? -errno : 0;
	for (int cpu = 0; cpu < cpus && !error; cpu++) {
		const u64 *from = (const u64 *)&each[cpu];
		u64 *to = (u64 *)sum;

		for (size_t i = 0; i < sizeof(*sum) / sizeof(u64); i++)
			to[i] += from[i];
	}
	free(each);
	for (u32 kind = 0; kind < KIND_MAX; kind++)
		sum->produced[kind] += kernel->folded[kind];
	for (size_t i = 0; i < kernel->taken_count; i++)
		add_missed(kernel, &kernel->taken[i], sum);
	return error;
}

/* One rung by itself. NULL if it works, else why not. */
static const char *try_rung(struct choose *choose, const struct features *features, const struct point *point,
			    const struct rung *rung)
{
	const struct kernel_options options = { .kinds = point->kinds, .ring_size = UNUSED_SIZE };
	struct kernel kernel = { .options = &options, .features = features, .choose = choose, .taken_count = 1 };
	static char why[160];
	int error;

	kernel.taken[0] = (struct taken){ .point = point, .rung = rung };
	error = open_chosen(&kernel);
	if (!error) {
		const char *objection = choose_rung_objection(choose, kernel.object, rung);

		snprintf(why, sizeof(why), "%s", objection ? objection : "");
		error = objection ? -EOPNOTSUPP : 0;
	}
	if (!error) {
		object_said_clear();
		error = bpf_object__load(kernel.object);
		snprintf(why, sizeof(why), "%s", object_said()[0] ? object_said() : error ? strerror(-error) : "");
	}
	if (!error && attach_point(&kernel, &kernel.taken[0])) {
		error = -EAGAIN;
		snprintf(why, sizeof(why), "%s", kernel.taken[0].why[0]);
	}
	drop(&kernel);
	return error ? why : NULL;
}

void kernel_survey(const struct features *features,
		   void (*told)(void *context, const struct point *point, const struct rung *rung, const char *why),
		   void *context)
{
	struct bpf_object *object = object_open();
	struct choose *choose = choose_new(features, object);

	object_close(object);
	for (const struct sensor *const *sensor = sensors; *sensor; sensor++)
		for (const struct point *point = (*sensor)->points; point->name; point++)
			for (const struct rung *rung = point->rungs; rung->name; rung++)
				told(context, point, rung, try_rung(choose, features, point, rung));
	choose_free(choose);
}
