#include <stdlib.h>

#include "books/intern.h"
#include "proc/tool.h"
#include "cmd/policy.h"
#include "event/field.h"
#include "proc/process.h"

#define MOST 65536	/* different ones between two writes; what comes beyond is added up by policy and user */

struct gathered {
	s64 id;
	u32 user, tool_length;
	bool held;		/* the kernel told of it, and counted it */
	u64 count;
	s64 first, last;
	struct text text;	/* tool and object */
};

struct policy_gather {
	struct intern keys;		/* for its hash, which nobody outside can foresee */
	struct table numbers;		/* by hash: index in the list, from 1 */
	struct gathered *list;
	size_t count, room;
	struct text text;
};

struct policy_gather *policy_gather_new(void)
{
	struct policy_gather *gather = calloc(1, sizeof(*gather));

	if (gather)
		intern_init(&gather->keys, MOST);
	return gather;
}

void policy_gather_clear(struct policy_gather *gather)
{
	for (size_t i = 0; i < gather->count; i++)
		text_free(&gather->list[i].text);
	gather->count = 0;
	table_free(&gather->numbers);
	gather->numbers = (struct table){ 0 };
}

void policy_gather_free(struct policy_gather *gather)
{
	if (!gather)
		return;
	policy_gather_clear(gather);
	intern_free(&gather->keys);
	text_free(&gather->text);
	free(gather->list);
	free(gather);
}

void policy_tool(const struct event *event, struct text *out)
{
	const struct process *process = event->process;
	struct tool_facts facts;

	if (!process) {
		text_add(out, "-");
		return;
	}
	facts = tool_facts_of(process);
	tool_name(&facts, out);
}

u32 policy_user(const struct event *event)
{
	return event->process ? event->process->credentials.user : event->record->uid;
}

static struct gathered *find(struct policy_gather *gather, const struct gathered *like, const struct text *text)
{
	u64 key = intern_hash(&gather->keys, text_string(text), text->length) ^ (u64)like->id << 40 ^ (u64)like->user << 8 ^
		  like->tool_length;
	uintptr_t number = (uintptr_t)table_get(&gather->numbers, key);
	struct gathered *list;

	if (number)
		return &gather->list[number - 1];
	if (gather->count == gather->room) {
		size_t room = gather->room ? 2 * gather->room : 64;

		list = realloc(gather->list, room * sizeof(*list));
		if (!list)
			return NULL;
		gather->list = list;
		gather->room = room;
	}
	if (table_put(&gather->numbers, key, (void *)(uintptr_t)(gather->count + 1)))
		return NULL;
	list = &gather->list[gather->count++];
	*list = *like;
	text_add_bytes(&list->text, text_string(text), text->length);
	return list;
}

void policy_gather_add(struct policy_gather *gather, s64 id, const struct match *match, s64 time)
{
	struct gathered like = { .id = id, .user = policy_user(match->event), .held = match->held, .first = time }, *one;

	text_reset(&gather->text);
	if (gather->count < MOST) {
		policy_tool(match->event, &gather->text);
		like.tool_length = gather->text.length;
		match_object(match, &gather->text);
	}
	one = find(gather, &like, &gather->text);
	if (!one)
		return;
	one->count++;
	one->last = time;
}

int policy_gather_write(struct policy_gather *gather, struct life *life, bool counted)
{
	int error = 0;

	for (size_t i = 0; i < gather->count && !error; i++) {
		const struct gathered *one = &gather->list[i];
		const char *text = text_string(&one->text);
		u32 rest = one->text.length - one->tool_length;

		error = life_add(life, one->id, &(struct life_match){
			.tool = { text, one->tool_length, one->tool_length }, .object = { text + one->tool_length, rest, rest },
			.user = one->user, .count = one->count, .first = one->first, .last = one->last,
		});
		if (!error && one->held && counted)
			error = life_told(life, one->id, one->count);
	}
	return error;
}
