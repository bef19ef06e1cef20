/*
 * A pattern is a row of elements: one byte of a set, or any number of bytes. Patterns that begin alike share their beginning, so
 * all together are a tree. The states of the automaton that is walked are sets of places in it, made by following all of them
 * at once.
 */
#include "lang/automaton.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/table.h"

#define STATES_MAX 16384
#define TABLE_MAX (4 << 20)
/* Places looked at while states are made, some tenths of a second; patterns with many stars take more than anyone waits for. */
#define STEPS_MAX (1 << 26)
#define NONE (~0U)

enum repeat { ONCE, ANY };

struct set {
	u64 bits[4];
};

struct element {
	struct set set;
	enum repeat repeat;
	bool last;			/* a pattern ends here */
	u32 next, beside;		/* the first that may follow, and another that may stand here instead */
};

/* A state: the elements that may come next, ascending. */
struct state {
	u32 *places;
	u32 count;
	bool fits;
	bool fresh;			/* of words: no byte of the next one has come yet */
	bool done;			/* it fits, whatever follows */
	u32 same;			/* the next of the same hash */
};

struct automaton {
	bool words;
	struct element *elements;
	size_t count, room;
	u32 first, at;			/* the first that a pattern may begin with; the last of the one that is being added */
	u64 steps;
	struct state *states;
	size_t state_count;
	struct table by_hash;		/* 1 + number of a state */
	u8 class_of[256];
	u8 byte_of[256];		/* one of each class */
	u32 classes;
};

struct automaton *automaton_new(bool words)
{
	struct automaton *automaton = xcalloc(1, sizeof(*automaton));

	automaton->words = words;
	automaton->first = NONE;
	return automaton;
}

static void free_states(struct automaton *automaton)
{
	for (size_t i = 0; i < automaton->state_count; i++)
		free(automaton->states[i].places);
	free(automaton->states);
	automaton->states = NULL;
	automaton->state_count = 0;
	table_free(&automaton->by_hash);
	automaton->by_hash = (struct table){ 0 };
}

void automaton_free(struct automaton *automaton)
{
	if (!automaton)
		return;
	free_states(automaton);
	free(automaton->elements);
	free(automaton);
}

static bool set_has(const struct set *set, u8 byte)
{
	return set->bits[byte >> 6] >> (byte & 63) & 1;
}

static void set_add(struct set *set, u8 byte)
{
	set->bits[byte >> 6] |= 1ULL << (byte & 63);
}

static const struct set all = { { ~0ULL, ~0ULL, ~0ULL, ~0ULL } };

static struct set but_slash(struct set set)
{
	set.bits['/' >> 6] &= ~(1ULL << ('/' & 63));
	return set;
}

static bool is_part(const struct set *part, const struct set *whole)
{
	for (int i = 0; i < 4; i++)
		if (part->bits[i] & ~whole->bits[i])
			return false;
	return true;
}

/* What is there already is shared. Behind any number of bytes some more are none. */
static void add(struct automaton *automaton, struct set set, enum repeat repeat, bool last)
{
	const struct element *before = automaton->at == NONE ? NULL : &automaton->elements[automaton->at];
	u32 *link = automaton->at == NONE ? &automaton->first : &automaton->elements[automaton->at].next;
	struct element *element;

	if (repeat == ANY && before && before->repeat == ANY && is_part(&set, &before->set))
		return;
	for (; *link != NONE; link = &element->beside) {
		element = &automaton->elements[*link];
		if (element->repeat == repeat && element->last == last && !memcmp(&element->set, &set, sizeof(set))) {
			automaton->at = *link;
			return;
		}
	}
	*link = automaton->count;
	automaton->at = automaton->count;
	if (automaton->count == automaton->room) {
		automaton->room = automaton->room ? 2 * automaton->room : 64;
		automaton->elements = xrealloc(automaton->elements, automaton->room, sizeof(*automaton->elements));
	}
	automaton->elements[automaton->count++] =
		(struct element){ .set = set, .repeat = repeat, .last = last, .next = NONE, .beside = NONE };
}

static void add_byte(struct automaton *automaton, u8 byte)
{
	struct set set = { { 0 } };

	set_add(&set, byte);
	add(automaton, set, ONCE, false);
}

/* [abc], [a-z], [!abc], [^abc]; a `]` that comes first is one of the set. Never a slash. NULL: it has no end. */
static const char *add_set(struct automaton *automaton, const char *at, const char *end)
{
	bool inverted = at < end && (*at == '!' || *at == '^');
	struct set set = { { 0 } };
	const char *first;

	at += inverted;
	for (first = at; at < end && (*at != ']' || at == first); at++) {
		u8 from = *at, to = from;

		if (at + 2 < end && at[1] == '-' && at[2] != ']') {
			to = at[2];
			at += 2;
		}
		for (u32 byte = from; byte <= to; byte++)
			set_add(&set, byte);
	}
	if (at >= end)
		return NULL;
	for (int i = 0; inverted && i < 4; i++)
		set.bits[i] = ~set.bits[i];
	add(automaton, but_slash(set), ONCE, false);
	return at + 1;
}

static int add_glob(struct automaton *automaton, const char *at, const char *end)
{
	while (at && at < end) {
		char byte = *at++;

		if (byte == '*' && at < end && *at == '*') {
			at++;
			add(automaton, all, ANY, false);
		} else if (byte == '*') {
			add(automaton, but_slash(all), ANY, false);
		} else if (byte == '?') {
			add(automaton, but_slash(all), ONCE, false);
		} else if (byte == '[') {
			at = add_set(automaton, at, end);
		} else {
			if (byte == '\\' && at < end)
				byte = *at++;
			add_byte(automaton, byte);
		}
	}
	return at ? 0 : -EINVAL;
}

int automaton_add(struct automaton *automaton, enum automaton_match match, const char *pattern, size_t length)
{
	automaton->at = NONE;
	if (match == MATCH_ENDS || match == MATCH_CONTAINS)
		add(automaton, all, ANY, false);
	if (match == MATCH_LIKE && add_glob(automaton, pattern, pattern + length))
		return -EINVAL;
	for (size_t i = 0; match != MATCH_LIKE && i < length; i++)
		add_byte(automaton, pattern[i]);
	if (match == MATCH_STARTS || match == MATCH_CONTAINS)
		add(automaton, all, ANY, false);
	/* The end is an element that takes nothing. */
	add(automaton, (struct set){ { 0 } }, ONCE, true);
	return 0;
}

/* Bytes that no element tells apart are of one class. */
static void find_classes(struct automaton *automaton)
{
	u16 next[256][2];

	memset(automaton->class_of, 0, sizeof(automaton->class_of));
	automaton->classes = 1;
	if (automaton->words) {
		automaton->class_of[0] = 1;
		automaton->classes = 2;
	}
	for (size_t i = 0; i < automaton->count && automaton->classes < 256; i++) {
		const struct set *set = &automaton->elements[i].set;
		u32 classes = 0;

		memset(next, 0xff, sizeof(next));
		for (u32 byte = 0; byte < 256; byte++) {
			u16 *class = &next[automaton->class_of[byte]][set_has(set, byte)];

			if (*class == 0xffff)
				*class = classes++;
			automaton->class_of[byte] = *class;
		}
		automaton->classes = classes;
	}
	for (u32 byte = 0; byte < 256; byte++)
		automaton->byte_of[automaton->class_of[byte]] = byte;
}

/* These places are reached, and those behind elements that may take nothing. `marks` says which are there already. */
static void reach(struct automaton *automaton, u64 *marks, u32 place)
{
	for (; place != NONE; place = automaton->elements[place].beside) {
		automaton->steps++;
		if (marks[place >> 6] >> (place & 63) & 1)
			continue;
		marks[place >> 6] |= 1ULL << (place & 63);
		if (automaton->elements[place].repeat == ANY)
			reach(automaton, marks, automaton->elements[place].next);
	}
}

/* The place itself, which may take more. */
static void stay(struct automaton *automaton, u64 *marks, u32 place)
{
	marks[place >> 6] |= 1ULL << (place & 63);
	reach(automaton, marks, automaton->elements[place].next);
}

static bool is_same(const struct state *left, const struct state *right)
{
	return left->count == right->count && left->fresh == right->fresh && left->done == right->done &&
	       !memcmp(left->places, right->places, left->count * sizeof(*left->places));
}

static u64 hash_of(const struct state *state)
{
	u64 hash = state->fresh + 2 * state->done + 1;

	for (u32 i = 0; i < state->count; i++)
		hash = (hash ^ state->places[i]) * 0x9e3779b97f4a7c15;
	return hash;
}

/* Does whatever follows fit? */
static bool is_open(const struct automaton *automaton, u32 place)
{
	const struct element *element = &automaton->elements[place];

	if (element->repeat != ANY || memcmp(&element->set, &all, sizeof(all)))
		return false;
	for (u32 next = element->next; next != NONE; next = automaton->elements[next].beside)
		if (automaton->elements[next].last)
			return true;
	return false;
}

/* The number of the state with the marked places, which is made if it is new; -E2BIG. Marks are taken away. */
static s64 find_state(struct automaton *automaton, u64 *marks, bool fresh, bool done)
{
	size_t words = (automaton->count + 63) / 64;
	struct state state = { .fresh = fresh, .done = done };
	uintptr_t found;
	u64 hash;

	for (size_t i = 0; i < words; i++)
		state.count += __builtin_popcountll(marks[i]);
	state.places = xmalloc((state.count + 1) * sizeof(*state.places));
	state.count = 0;
	for (size_t i = 0; i < words; i++) {
		for (; marks[i]; marks[i] &= marks[i] - 1) {
			u32 place = 64 * i + __builtin_ctzll(marks[i]);

			state.places[state.count++] = place;
			state.fits |= automaton->elements[place].last;
			state.done |= is_open(automaton, place);
		}
	}
	if (state.done)
		state.count = 0;
	hash = hash_of(&state);
	found = (uintptr_t)table_get(&automaton->by_hash, hash);
	state.same = found;
	for (; found; found = automaton->states[found - 1].same) {
		if (is_same(&automaton->states[found - 1], &state)) {
			free(state.places);
			return found - 1;
		}
	}
	if (automaton->state_count == STATES_MAX ||
	    (automaton->state_count + 1) * (automaton->classes + 1) * sizeof(u32) > TABLE_MAX ||
	    table_put(&automaton->by_hash, hash, (void *)(uintptr_t)(automaton->state_count + 1))) {
		free(state.places);
		return -E2BIG;
	}
	if (!(automaton->state_count & (automaton->state_count - 1)))
		automaton->states = xrealloc(automaton->states, automaton->state_count ? 2 * automaton->state_count : 1,
					     sizeof(*automaton->states));
	automaton->states[automaton->state_count] = state;
	return automaton->state_count++;
}

/* Where one state leads by a byte. */
static s64 step(struct automaton *automaton, u64 *marks, size_t from, u8 byte)
{
	const struct state *state = &automaton->states[from];

	if (state->done)
		return find_state(automaton, marks, false, true);
	if (automaton->words && !byte) {
		if (state->fits)
			return find_state(automaton, marks, false, true);
		reach(automaton, marks, automaton->first);
		return find_state(automaton, marks, true, false);
	}
	automaton->steps += state->count + automaton->count / 64;
	for (u32 i = 0; i < state->count; i++) {
		const struct element *element = &automaton->elements[state->places[i]];

		if (!set_has(&element->set, byte))
			continue;
		if (element->repeat == ANY)
			stay(automaton, marks, state->places[i]);
		else
			reach(automaton, marks, element->next);
	}
	return find_state(automaton, marks, false, false);
}

static int find_states(struct automaton *automaton, struct text *rows, u64 *marks, u32 row)
{
	s64 next;

	/* The dead one is the first. */
	next = find_state(automaton, marks, false, false);
	reach(automaton, marks, automaton->first);
	if (next < 0 || find_state(automaton, marks, true, false) < 0)
		return -E2BIG;
	for (size_t i = 0; i < automaton->state_count; i++) {
		const struct state *state = &automaton->states[i];
		bool fits = state->done || (state->fits && !(automaton->words && state->fresh));
		u32 entry;

		for (u32 class = 0; class < automaton->classes; class++) {
			next = step(automaton, marks, i, automaton->byte_of[class]);
			if (next < 0 || automaton->steps > STEPS_MAX)
				return -E2BIG;
			entry = AUTOMATON_CLASSES + next * row;
			text_add_bytes(rows, &entry, sizeof(entry));
		}
		entry = fits;
		text_add_bytes(rows, &entry, sizeof(entry));
	}
	return rows->failed ? -ENOMEM : 0;
}

int automaton_build(struct automaton *automaton, struct text *blob, struct automaton_place *place)
{
	u64 *marks = xcalloc((automaton->count + 64) / 64, sizeof(*marks));
	size_t before = blob->length;
	u32 row;
	int error;

	find_classes(automaton);
	row = (automaton->classes + 1) * sizeof(u32);
	place->classes = before;
	place->dead = AUTOMATON_CLASSES;
	place->start = place->dead + row;
	place->end = automaton->classes * sizeof(u32);
	text_add_bytes(blob, automaton->class_of, sizeof(automaton->class_of));
	error = find_states(automaton, blob, marks, row);
	if (error) {
		blob->length = before;
	} else {
		place->mask = 1;
		while (place->mask < blob->length - before)
			place->mask *= 2;
		while (blob->length < before + place->mask + row && !blob->failed)
			text_add_char(blob, 0);
		place->mask--;
	}
	free_states(automaton);
	free(marks);
	return error;
}
