/* http_request.c: the parser of http_request.h. Bytes are collected into a line; a line that is
 * complete is understood at once, so only one line is ever kept.
 *
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_request.h"

void http_request_init(struct http_request *r)
{
    r->state = HTTP_READING;
    r->status = 0;
    r->keep_alive = false;
    r->method[0] = r->target[0] = '\0';
    r->minor_version = r->hosts = 0;
    r->after_cr = r->has_request_line = r->close = false;
    r->head_size = r->line_size = 0;
}

bool http_request_has_begun(const struct http_request *r)
{
    return r->head_size > 0;
}

static void refuse(struct http_request *r, int status)
{
    r->state = HTTP_REFUSED;
    r->status = status;
    r->keep_alive = false;
}

/* The characters a method or the name of a field may be made of. */
static bool is_token(const char *text, size_t size)
{
    static const char allowed[] = "!#$%&'*+-.^_`|~0123456789"
                                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    for (size_t i = 0; i < size; i++)
        if (text[i] == '\0' || !strchr(allowed, text[i]))
            return false;
    return size > 0;
}

static bool is_target(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] < '!' || text[i] > '~')
            return false;
    return size > 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void understand_version(struct http_request *r, const char *text)
{
    if (strlen(text) != 8 || memcmp(text, "HTTP/", 5) != 0 || !is_digit(text[5]) ||
        text[6] != '.' || !is_digit(text[7]))
        refuse(r, 400);
    else if (text[5] != '1')
        refuse(r, 505);
    else
        r->minor_version = (unsigned)(text[7] - '0');
}

/* METHOD SP TARGET SP VERSION, with single spaces. */
static void understand_request_line(struct http_request *r)
{
    const char *target = strchr(r->line, ' ');
    const char *version = target ? strchr(target + 1, ' ') : NULL;
    size_t method_size, target_size;

    if (!version) {
        refuse(r, 400);
        return;
    }
    method_size = (size_t)(target++ - r->line);
    target_size = (size_t)(version++ - target);
    if (!is_token(r->line, method_size) || method_size >= sizeof(r->method) ||
        !is_target(target, target_size)) {
        refuse(r, 400);
        return;
    }
    if (target_size >= sizeof(r->target)) {
        refuse(r, 414);
        return;
    }
    memcpy(r->method, r->line, method_size);
    r->method[method_size] = '\0';
    memcpy(r->target, target, target_size);
    r->target[target_size] = '\0';
    r->has_request_line = true;
    understand_version(r, version);
}

/* Whether `list`, words separated by commas, has `word` in it. */
static bool has_word(const char *list, const char *word)
{
    size_t size = strlen(word);

    while (*list) {
        size_t length;

        list += strspn(list, ", \t");
        length = strcspn(list, ", \t");
        if (length == size && strncasecmp(list, word, size) == 0)
            return true;
        list += length;
    }
    return false;
}

static void understand_length(struct http_request *r, const char *value)
{
    if (*value == '\0' || strspn(value, "0123456789") != strlen(value))
        refuse(r, 400);
    else if (strspn(value, "0") != strlen(value))
        refuse(r, 413);
}

/* NAME ":" VALUE. A space before the colon or at the start of the line is an old trick to make two
 * servers read one request differently. */
static void understand_field(struct http_request *r)
{
    char *colon, *value;

    while (r->line[r->line_size - 1] == ' ' || r->line[r->line_size - 1] == '\t')
        r->line[--r->line_size] = '\0';
    colon = strchr(r->line, ':');
    if (!colon || !is_token(r->line, (size_t)(colon - r->line))) {
        refuse(r, 400);
        return;
    }
    *colon = '\0';
    value = colon + 1 + strspn(colon + 1, " \t");
    if (strcasecmp(r->line, "Host") == 0) {
        r->hosts++;
    } else if (strcasecmp(r->line, "Connection") == 0) {
        r->close = r->close || has_word(value, "close");
        r->keep_alive = r->keep_alive || has_word(value, "keep-alive");
    } else if (strcasecmp(r->line, "Content-Length") == 0) {
        understand_length(r, value);
    } else if (strcasecmp(r->line, "Transfer-Encoding") == 0) {
        refuse(r, 413);
    }
}

/* The empty line. */
static void complete(struct http_request *r)
{
    if (r->hosts > 1 || (r->hosts == 0 && r->minor_version >= 1)) {
        refuse(r, 400);
        return;
    }
    r->keep_alive = !r->close && (r->minor_version >= 1 || r->keep_alive);
    r->state = HTTP_COMPLETE;
}

static void end_line(struct http_request *r)
{
    r->line[r->line_size] = '\0';
    if (!r->has_request_line) {
        if (r->line_size > 0) /* some clients send an empty line too many between two requests */
            understand_request_line(r);
    } else if (r->line_size > 0) {
        understand_field(r);
    } else {
        complete(r);
    }
    r->line_size = 0;
}

/* Lines end in CR LF, and no other control character but the tab may come. */
static void take_byte(struct http_request *r, char byte)
{
    unsigned char b = (unsigned char)byte;

    if (++r->head_size > HTTP_HEAD_SIZE) {
        refuse(r, 431);
    } else if (r->after_cr != (b == '\n')) {
        refuse(r, 400);
    } else if (b == '\n') {
        r->after_cr = false;
        end_line(r);
    } else if (b == '\r') {
        r->after_cr = true;
    } else if ((b < ' ' && b != '\t') || b == 0x7f) {
        refuse(r, 400);
    } else if (r->line_size == HTTP_LINE_SIZE - 1) {
        refuse(r, r->has_request_line ? 431 : 414);
    } else {
        r->line[r->line_size++] = byte;
    }
}

size_t http_request_feed(struct http_request *r, const char *data, size_t size)
{
    size_t taken = 0;

    while (taken < size && r->state == HTTP_READING)
        take_byte(r, data[taken++]);
    return taken;
}
