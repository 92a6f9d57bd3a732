/* What the tests ask of the sanitizers, if they are built with one.
 *
 * SPDX-License-Identifier: MIT */

/* The names are the sanitizers' own. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
    return "detect_stack_use_after_return=1:strict_init_order=1";
}

/* Children of fork live on, and leave the parent's other threads behind. */
const char *__tsan_default_options(void)
{
    return "die_after_fork=0:report_thread_leaks=0:second_deadlock_stack=1";
}

const char *__ubsan_default_options(void)
{
    return "print_stacktrace=1";
}
