/* SPDX-License-Identifier: MIT */
/* The output: one JSON object a line, written as soon as it is whole. */
#ifndef LINES_H
#define LINES_H
#include "kernel.h"

#define UNKNOWN (-2147483647L - 1) /* of a number that cannot be this one: null */

static char text[4096];
static u32 length, lines;
static int after_value;

static void put(const char *words)
{
	while (*words && length < sizeof(text) - 2)
		text[length++] = *words++;
}

static void put_quoted(const char *words)
{
	static const char digits[] = "0123456789abcdef";
	char code[] = "\\u00xx";

	put("\"");
	for (; *words; words++) {
		u8 c = *words;
		char plain[2] = { *words, 0 };

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			put(plain);
			continue;
		}
		code[4] = digits[c >> 4];
		code[5] = digits[c & 15];
		put(code);
	}
	put("\"");
}

static void put_number(word number)
{
	char digits[24], *at = digits + sizeof(digits) - 1;
	unsigned long rest = number < 0 ? -(unsigned long)number : (unsigned long)number;

	for (*at = 0; rest || !*at; rest /= 10)
		*--at = '0' + rest % 10;
	if (number < 0)
		*--at = '-';
	put(at);
}

static void key(const char *name)
{
	if (after_value)
		put(", ");
	put_quoted(name);
	put(": ");
	after_value = 1;
}

static void number(const char *name, word value)
{
	key(name);
	put_number(value);
}

/* A number that may not be known. */
static void fact(const char *name, word value)
{
	key(name);
	if (value == UNKNOWN)
		put("null");
	else
		put_number(value);
}

static void flag(const char *name, int value)
{
	key(name);
	put(value < 0 ? "null" : value ? "true" : "false");
}

static void string(const char *name, const char *value)
{
	key(name);
	put_quoted(value);
}

static void begin_object(const char *name)
{
	if (name)
		key(name);
	put("{");
	after_value = 0;
}

static void end_object(void)
{
	put("}");
	after_value = 1;
}

static void begin_line(const char *kind)
{
	length = 0;
	begin_object(0);
	if (kind)
		string("kind", kind);
}

static void end_line(void)
{
	u32 sent = 0;

	put("}");
	text[length++] = '\n';
	lines++;
	while (sent < length) {
		word more = sys(WRITE, 1, (word)(text + sent), length - sent, 0, 0);

		if (more <= 0)
			sys(EXIT, 3, 0, 0, 0, 0);
		sent += more;
	}
}

static void not_tried(const char *name, const char *what, word result)
{
	begin_line("not-tried");
	string("case", name);
	string("what", what);
	number("result", result);
	end_line();
}
#endif
