/*
 * The ranges are those of Unicode 15 that terminals agree on, joined where only unassigned characters lie between. The
 * C library's wcwidth would need a locale, which a static binary on a rescue system does not have.
 */
#include "base/columns.h"

struct range {
	uint32_t first, last;
};

static const struct range zero[] = {
	{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x05bf, 0x05bf}, {0x05c1, 0x05c5}, {0x0610, 0x061a},
	{0x064b, 0x065f}, {0x0670, 0x0670}, {0x06d6, 0x06dc}, {0x06df, 0x06e4}, {0x06e7, 0x06ed}, {0x0711, 0x0711},
	{0x0730, 0x074a}, {0x0816, 0x082d}, {0x08ca, 0x0902}, {0x093a, 0x093a}, {0x093c, 0x093c}, {0x0941, 0x0948},
	{0x094d, 0x094d}, {0x0951, 0x0957}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x0eb1, 0x0ebc},
	{0x0f71, 0x0f84}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200d}, {0x2060, 0x2064}, {0x20d0, 0x20f0},
	{0x302a, 0x302d}, {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0001, 0xe01ef},
};

static const struct range two[] = {
	{0x1100, 0x115f}, {0x231a, 0x231b}, {0x2329, 0x232a}, {0x23e9, 0x23ec}, {0x23f0, 0x23f0},
	{0x23f3, 0x23f3}, {0x25fd, 0x25fe}, {0x2614, 0x2615}, {0x2648, 0x2653}, {0x267f, 0x267f},
	{0x2693, 0x2693}, {0x26a1, 0x26a1}, {0x26aa, 0x26ab}, {0x26bd, 0x26be}, {0x26c4, 0x26c5},
	{0x26ce, 0x26ce}, {0x26d4, 0x26d4}, {0x26ea, 0x26ea}, {0x26f2, 0x26f3}, {0x26f5, 0x26f5},
	{0x26fa, 0x26fa}, {0x26fd, 0x26fd}, {0x2705, 0x2705}, {0x270a, 0x270b}, {0x2728, 0x2728},
	{0x274c, 0x274c}, {0x274e, 0x274e}, {0x2753, 0x2755}, {0x2757, 0x2757}, {0x2795, 0x2797},
	{0x27b0, 0x27b0}, {0x27bf, 0x27bf}, {0x2b1b, 0x2b1c}, {0x2b50, 0x2b50}, {0x2b55, 0x2b55},
	{0x2e80, 0x303e}, {0x3041, 0x4dbf}, {0x4e00, 0xa4cf}, {0xa960, 0xa97c}, {0xac00, 0xd7a3},
	{0xf900, 0xfaff}, {0xfe10, 0xfe19}, {0xfe30, 0xfe6b}, {0xff01, 0xff60}, {0xffe0, 0xffe6},
	{0x16fe0, 0x18cd5}, {0x1aff0, 0x1b2fb}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e},
	{0x1f191, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c}, {0x1f37e, 0x1f393},
	{0x1f3a0, 0x1f3ca}, {0x1f3cf, 0x1f3d3}, {0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4}, {0x1f3f8, 0x1f43e},
	{0x1f440, 0x1f440}, {0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d}, {0x1f54b, 0x1f567}, {0x1f57a, 0x1f57a},
	{0x1f595, 0x1f596}, {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f}, {0x1f680, 0x1f6c5}, {0x1f6cc, 0x1f6cc},
	{0x1f6d0, 0x1f6d7}, {0x1f6dc, 0x1f6df}, {0x1f6eb, 0x1f6ec}, {0x1f6f4, 0x1f6fc}, {0x1f7e0, 0x1f7f0},
	{0x1f90c, 0x1f93a}, {0x1f93c, 0x1f945}, {0x1f947, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
};

static bool in_ranges(uint32_t point, const struct range *ranges, size_t count)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (ranges[middle].last < point)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && ranges[low].first <= point;
}

static unsigned int width_of(uint32_t point)
{
	if (point < 0x300)
		return 1;
	if (in_ranges(point, zero, sizeof(zero) / sizeof(zero[0])))
		return 0;
	return in_ranges(point, two, sizeof(two) / sizeof(two[0])) ? 2 : 1;
}

/* One character: its length in bytes; a byte that begins none counts as one. */
static size_t decode(const char *bytes, size_t count, uint32_t *point)
{
	unsigned char first = *bytes;
	size_t length = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	*point = first;
	if (length == 1 || length > count)
		return 1;
	*point = first & (0x7f >> length);
	for (size_t i = 1; i < length; i++)
		*point = *point << 6 | ((unsigned char)bytes[i] & 0x3f);
	return length;
}

size_t columns_of(const char *bytes, size_t count)
{
	size_t columns = 0, length;
	uint32_t point;

	for (size_t at = 0; at < count; at += length) {
		length = decode(bytes + at, count - at, &point);
		columns += width_of(point);
	}
	return columns;
}

size_t columns_cut(struct text *out, const char *bytes, size_t count, size_t width)
{
	size_t columns = 0, keep = 0, kept = 0, at = 0;
	uint32_t point;

	while (at < count) {
		size_t length = decode(bytes + at, count - at, &point);

		columns += width_of(point);
		if (columns > width)
			break;
		at += length;
		if (columns + 1 <= width) {
			keep = at;
			kept = columns;
		}
	}
	if (at == count) {
		text_add_bytes(out, bytes, count);
		return columns;
	}
	if (!width)
		return 0;
	text_add_bytes(out, bytes, keep);
	text_add(out, "\xe2\x80\xa6");
	return kept + 1;
}

void columns_pad(struct text *out, size_t count)
{
	if (!count || !text_reserve(out, count))
		return;
	memset(out->data + out->length, ' ', count);
	out->length += count;
	out->data[out->length] = '\0';
}

void columns_amount(struct text *out, double bytes)
{
	static const char units[] = "KMGTPE";
	int unit = -1;

	while (bytes >= 999.5 && unit < 5) {
		bytes /= 1024;
		unit++;
	}
	if (unit < 0)
		text_add_format(out, "%.0f", bytes);
	else
		text_add_format(out, bytes < 9.95 ? "%.1f%c" : "%.0f%c", bytes, units[unit]);
}

uint32_t columns_fit(const struct column_place *places, size_t count, uint32_t wanted, unsigned int width, unsigned int least,
		     size_t *left)
{
	unsigned int taken = 0;

	for (size_t i = 0; i < count; i++)
		taken += wanted >> i & 1 ? places[i].width + 1 : 0;
	*left = SIZE_MAX;
	if (!width)
		return wanted;
	while (wanted && taken + least > width) {
		size_t worst = count;

		for (size_t i = 0; i < count; i++)
			if (wanted >> i & 1 && (worst == count || places[i].rank >= places[worst].rank))
				worst = i;
		wanted &= ~(1U << worst);
		taken -= places[worst].width + 1;
	}
	*left = width > taken ? width - taken : 0;
	return wanted;
}

void columns_align(struct text *out, size_t start, const struct column_place *place)
{
	size_t have = columns_of(out->data + start, out->length - start);
	char copy[256];
	size_t length = out->length - start < sizeof(copy) ? out->length - start : sizeof(copy);

	if (out->failed || have == place->width)
		return;
	memcpy(copy, out->data + start, length);
	out->length = start;
	if (have < place->width && !place->left)
		columns_pad(out, place->width - have);
	have = columns_cut(out, copy, length, place->width);
	if (have < place->width && place->left)
		columns_pad(out, place->width - have);
}

void columns_header(struct text *out, const struct column_place *places, size_t count, uint32_t chosen, int sort, bool colour)
{
	for (size_t i = 0; i < count; i++) {
		bool marked = colour && places[i].sort == sort;
		size_t start;

		if (!(chosen >> i & 1))
			continue;
		text_add(out, marked ? "\033[27;1m" : "");
		start = out->length;
		text_add(out, places[i].title);
		columns_align(out, start, &places[i]);
		text_add(out, marked ? "\033[22;7m" : "");
		text_add_char(out, ' ');
	}
}
