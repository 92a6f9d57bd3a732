"""asyncio and uvloop: futures, the cells of gyre/future.c. See there what each one is.

    bench_asyncio --version | --list | CELL[@VARIANT] [MS]

The wrappers bench_asyncio and bench_uvloop run this with the name of the loop as its first argument.
Where a thing can be done in several ways each is a variant: @future with callbacks and no task,
which is the fastest and what libraries do, the others as programs are usually written.

The collector of cycles is off: nothing here makes cycles that grow.

SPDX-License-Identifier: MIT
"""

import asyncio
import functools
import gc
import sys
import time

MINUTE = 60
PER_ROUND = 1000


class Harness:
    """One run of one cell, on a loop of its own."""

    def __init__(self, loop, cell, budget_ms):
        self.loop = loop
        self.cell = cell
        self.budget = budget_ms * 1_000_000

    def report(self, metric, value, unit):
        print(f"{self.cell}.{metric} {value:.6g} {unit}", flush=True)

    async def time_of(self, run_round):
        """The processor time of one round, a coroutine function, in ns."""
        await run_round()
        rounds = 0
        begin = time.thread_time_ns()
        while True:
            for _ in range(4):
                await run_round()
            rounds += 4
            used = time.thread_time_ns() - begin
            if used >= self.budget:
                return used / rounds


def check(fine, what):
    if not fine:
        sys.exit(f"bench: {what}")


# ---- settle and within: `limited` is None, or how the time limit is set


class Count:
    """A callback of futures that counts those that are OK."""

    def __init__(self):
        self.settled = 0

    def on_done(self, future):
        if future.exception() is None:
            self.settled += 1


def limit_by_hand(loop, future):
    """The cheapest limit there is: a timer that cancels, and a callback that stops it."""
    timer = loop.call_later(MINUTE, future.cancel)
    future.add_done_callback(lambda _: timer.cancel())


def round_of_futures(loop, under_way, limit):
    """Operations with callbacks, all under way at once."""
    create = loop.create_future
    count = Count()
    on_done = count.on_done

    async def run_round():
        futures = []
        for _ in range(under_way):
            future = create()
            if limit:
                limit(loop, future)
            future.add_done_callback(on_done)
            futures.append(future)
        for future in futures:
            future.set_result(None)
        count.settled = 0
        await asyncio.sleep(0)
        check(count.settled == under_way, "a callback was lost")

    return run_round


def round_of_chain(loop, limit):
    """Operations with callbacks, each of which begins the next."""
    create = loop.create_future

    async def run_round():
        end = create()
        left = PER_ROUND

        def on_done(future):
            nonlocal left
            future.result()
            left -= 1
            if left > 0:
                begin()
            else:
                end.set_result(None)

        def begin():
            future = create()
            if limit:
                limit(loop, future)
            future.add_done_callback(on_done)
            future.set_result(None)

        begin()
        await end

    return run_round


def round_of_awaits(loop, limit):
    """Operations awaited by one task, one after the other."""
    create = loop.create_future
    call_soon = loop.call_soon

    async def plain():
        for _ in range(PER_ROUND):
            future = create()
            call_soon(future.set_result, None)
            await future

    async def with_timeout():
        for _ in range(PER_ROUND):
            future = create()
            call_soon(future.set_result, None)
            async with asyncio.timeout(MINUTE):
                await future

    async def with_wait_for():
        for _ in range(PER_ROUND):
            future = create()
            call_soon(future.set_result, None)
            await asyncio.wait_for(future, MINUTE)

    return {None: plain, "timeout": with_timeout, "wait_for": with_wait_for}[limit]


def round_of_tasks(limit, under_way, loop):
    """Operations awaited by a task each, all under way at once."""

    async def with_timeout(future):
        async with asyncio.timeout(MINUTE):
            await future

    async def with_wait_for(future):
        await asyncio.wait_for(future, MINUTE)

    async def plain(future):
        await future

    operation = {None: plain, "timeout": with_timeout, "wait_for": with_wait_for}[limit]

    async def run_round():
        futures = [loop.create_future() for _ in range(under_way)]
        tasks = [loop.create_task(operation(future)) for future in futures]
        await asyncio.sleep(0)
        for future in futures:
            future.set_result(None)
        for task in tasks:
            await task

    return run_round


def round_of_operations(harness, variant, under_way, is_limited):
    """A round, and how many operations it has."""
    loop = harness.loop
    if variant == "future":
        limit = limit_by_hand if is_limited else None
        if under_way > 1:
            return round_of_futures(loop, under_way, limit), under_way
        return round_of_chain(loop, limit), PER_ROUND

    limit = variant if is_limited else None
    if under_way > 1:
        return round_of_tasks(limit, under_way, loop), under_way
    return round_of_awaits(loop, limit), PER_ROUND


async def future_settle(harness, variant, under_way):
    run_round, operations = round_of_operations(harness, variant, under_way, False)
    harness.report("op", await harness.time_of(run_round) / operations, "ns")


async def future_within(harness, variant, under_way):
    run_round, operations = round_of_operations(harness, variant, under_way, False)
    without = await harness.time_of(run_round) / operations
    run_round, operations = round_of_operations(harness, variant, under_way, True)
    limited = await harness.time_of(run_round) / operations
    harness.report("with", limited, "ns")
    harness.report("without", without, "ns")
    harness.report("added", limited - without, "ns")


# ---- then


async def future_then(harness, variant, links):
    loop = harness.loop

    def pass_on(to, future):
        to.set_result(future.result() + 1)

    async def of_futures():
        first = last = loop.create_future()
        for _ in range(links):
            to = loop.create_future()
            last.add_done_callback(functools.partial(pass_on, to))
            last = to
        first.set_result(0)
        check(await last == links, "a function did not run")

    async def link(future):
        return await future + 1

    async def of_tasks():
        first = last = loop.create_future()
        for _ in range(links):
            last = loop.create_task(link(last))
        first.set_result(0)
        check(await last == links, "a function did not run")

    run_round = {"future": of_futures, "task": of_tasks}[variant]
    harness.report("link", await harness.time_of(run_round) / links, "ns")


# ---- all


async def future_all(harness, variant, inputs):
    loop = harness.loop

    async def of_gather():
        futures = [loop.create_future() for _ in range(inputs)]
        gathered = asyncio.gather(*futures)
        for future in futures:
            future.set_result(None)
        check(len(await gathered) == inputs, "it is not complete")

    async def of_wait():
        futures = [loop.create_future() for _ in range(inputs)]
        for future in futures:
            loop.call_soon(future.set_result, None)
        done, _ = await asyncio.wait(futures)
        check(len(done) == inputs, "it is not complete")

    run_round = {"gather": of_gather, "wait": of_wait}[variant]
    harness.report("whole", await harness.time_of(run_round) / 1000, "us")


# ---- sleep_cancel


async def future_sleep_cancel(harness, variant, _):
    loop = harness.loop

    def wake_up(future):
        if not future.done():
            future.set_result(None)

    async def of_futures():
        for _ in range(PER_ROUND):
            future = loop.create_future()
            timer = loop.call_later(MINUTE, wake_up, future)
            timer.cancel()
            future.cancel()
        await asyncio.sleep(0)

    async def of_tasks():
        tasks = [loop.create_task(asyncio.sleep(MINUTE)) for _ in range(PER_ROUND)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    run_round = {"future": of_futures, "task": of_tasks}[variant]
    harness.report("op", await harness.time_of(run_round) / PER_ROUND, "ns")


# ---- map_limit


async def future_map_limit(harness, variant, operations, limit):
    loop = harness.loop

    def begin():
        future = loop.create_future()
        loop.call_soon(future.set_result, None)
        return future

    async def of_workers():
        results = [False] * operations
        indices = iter(range(operations))

        async def work():
            for index in indices:
                await begin()
                results[index] = True

        await asyncio.gather(*(work() for _ in range(limit)))
        check(all(results), "an operation did not run")

    async def of_semaphore():
        semaphore = asyncio.Semaphore(limit)

        async def run_one():
            async with semaphore:
                await begin()

        await asyncio.gather(*(run_one() for _ in range(operations)))

    run_round = {"workers": of_workers, "semaphore": of_semaphore}[variant]
    harness.report("whole", await harness.time_of(run_round) / 1000, "us")


# ---- the command line, as in common/bench.c

LIMITS = ["future", "wait_for"] + (["timeout"] if hasattr(asyncio, "timeout") else [])

CELLS = [
    (future_settle, (1,), ["future", "task"]),
    (future_settle, (1000,), ["future", "task"]),
    (future_within, (1,), LIMITS),
    (future_within, (1000,), LIMITS),
    (future_then, (1000,), ["future", "task"]),
    (future_all, (1000,), ["gather", "wait"]),
    (future_sleep_cancel, (1,), ["future", "task"]),
    (future_map_limit, (1000, 10), ["workers", "semaphore"]),
]


def name_of(workload, arguments):
    return "-".join([workload.__name__, *map(str, arguments)])


def make_loop(library):
    if library == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def version(library):
    python = "Python " + sys.version.split()[0]
    if library == "uvloop":
        import uvloop

        return f"uvloop {uvloop.__version__} ({python})"
    return f"asyncio ({python})"


def run_cell(library, wanted, budget_ms):
    cell, _, variant = wanted.partition("@")
    for workload, arguments, variants in CELLS:
        if name_of(workload, arguments) != cell or variant not in variants:
            continue
        gc.disable()
        loop = make_loop(library)
        loop.run_until_complete(workload(Harness(loop, cell, budget_ms), variant, *arguments))
        loop.close()
        return
    sys.exit(f"bench: there is no cell {wanted}")


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: bench_python.py LIBRARY --version | --list | CELL@VARIANT [MS]")
    library, command = sys.argv[1:3]
    if command == "--version":
        print(version(library))
    elif command == "--list":
        for workload, arguments, variants in CELLS:
            for variant in variants:
                print(f"{name_of(workload, arguments)}@{variant}")
    else:
        run_cell(library, command, int(sys.argv[3]) if len(sys.argv) > 3 else 200)


main()
