/* The two walkers between the columns of a table and the members of a struct. */
#include "books/store_schema.h"

#include "base/escape.h"

static u64 member_get(const void *row, const struct store_column *column)
{
	const char *at = (const char *)row + column->offset;

	switch (column->size) {
	case 1:
		return column->has_sign ? (u64)*(const signed char *)at : *(const u8 *)at;
	case 2:
		return column->has_sign ? (u64)*(const s16 *)at : *(const u16 *)at;
	case 4:
		return column->has_sign ? (u64)*(const s32 *)at : *(const u32 *)at;
	}
	return *(const u64 *)at;
}

static void member_set(void *row, const struct store_column *column, u64 value)
{
	char *at = (char *)row + column->offset;

	switch (column->size) {
	case 1:
		*(u8 *)at = value;
		break;
	case 2:
		*(u16 *)at = value;
		break;
	case 4:
		*(u32 *)at = value;
		break;
	default:
		*(u64 *)at = value;
	}
}

/* All ones, in the member's own width. */
static u64 member_none(const struct store_column *column)
{
	return column->size == sizeof(u64) || column->has_sign ? ~0ULL : (1ULL << column->size * 8) - 1;
}

static u64 span_base(const void *row, const struct store_column *column)
{
	return *(const u64 *)((const char *)row + column->base);
}

u64 store_bind_number(sqlite3_stmt *statement, int parameter, s64 number)
{
	static const u8 sizes[] = { 1, 2, 3, 4, 6, 8 };
	u64 magnitude = number < 0 ? ~(u64)number : (u64)number;
	unsigned int i = 0;

	sqlite3_bind_int64(statement, parameter, number);
	if (number == 0 || number == 1)
		return 1;
	while (sizes[i] < 8 && magnitude >> (sizes[i] * 8 - 1))
		i++;
	return 1 + sizes[i];
}

u64 store_bind_bytes(sqlite3_stmt *statement, int parameter, const void *bytes, size_t length)
{
	if (escape_is_text(bytes, length))
		sqlite3_bind_text64(statement, parameter, length ? bytes : "", length, SQLITE_STATIC, SQLITE_UTF8);
	else
		sqlite3_bind_blob64(statement, parameter, bytes, length, SQLITE_STATIC);
	return length + (length < 58 ? 1 : 2);
}

u64 store_bind_blob(sqlite3_stmt *statement, int parameter, const void *bytes, size_t length)
{
	sqlite3_bind_blob64(statement, parameter, bytes, length, SQLITE_STATIC);
	return length + (length < 58 ? 1 : 2);
}

static u64 bind_column(sqlite3_stmt *statement, int parameter, const struct store_column *column, const struct run *run,
		       const void *row)
{
	u64 value = member_get(row, column);
	struct run_bytes words;

	switch (column->kind) {
	case STORE_MAYBE:
	case STORE_REFERENCE:
		if (value == member_none(column))
			break;
		return store_bind_number(statement, parameter, value);
	case STORE_SPAN:
		if (!value)
			break;
		return store_bind_number(statement, parameter, value - span_base(row, column));
	case STORE_TIME:
		return store_bind_number(statement, parameter, value - run->start);
	case STORE_WORDS:
		if (value == RUN_NONE)
			break;
		words = run_text(run, value);
		return store_bind_bytes(statement, parameter, words.data, words.length);
	default:
		return store_bind_number(statement, parameter, value);
	}
	sqlite3_bind_null(statement, parameter);
	return 1;
}

u64 store_row_bind(sqlite3_stmt *statement, int first, enum store_table table, const struct run *run, const void *row)
{
	const struct store_layout *layout = &store_layouts[table];
	u64 bytes = 0;

	for (size_t i = 0; i < layout->column_count; i++)
		bytes += bind_column(statement, first++, &layout->columns[i], run, row);
	for (size_t i = 0; layout->costs && i < cost_count; i++)
		bytes += store_bind_number(
			statement, first++,
			cost_value((const struct costs *)((const char *)row + layout->cost_offset), &cost_list[i]));
	return bytes;
}

static u64 read_column(sqlite3_stmt *statement, int at, const struct store_column *column, struct run *run,
		       const void *row)
{
	bool null = sqlite3_column_type(statement, at) == SQLITE_NULL;
	u64 value = sqlite3_column_int64(statement, at);

	switch (column->kind) {
	case STORE_MAYBE:
		return null ? ~0ULL : value;
	case STORE_REFERENCE:
		return null || value > RUN_NONE ? RUN_NONE : value;
	case STORE_SPAN:
		return null ? 0 : value + span_base(row, column);
	case STORE_TIME:
		return value + run->start;
	case STORE_WORDS:
		return null ? RUN_NONE
			    : run_text_add(run, sqlite3_column_blob(statement, at),
					   sqlite3_column_bytes(statement, at));
	}
	return column->most && value > column->most ? 0 : value;
}

void store_row_read(sqlite3_stmt *statement, int first, enum store_table table, struct run *run, void *row)
{
	const struct store_layout *layout = &store_layouts[table];
	struct costs *costs = (struct costs *)((char *)row + layout->cost_offset);

	for (size_t i = 0; i < layout->column_count; i++, first++)
		member_set(row, &layout->columns[i], read_column(statement, first, &layout->columns[i], run, row));
	for (size_t i = 0; layout->costs && i < cost_count; i++, first++)
		*(u64 *)((char *)costs + cost_list[i].offset) = sqlite3_column_int64(statement, first);
}
