/* The same from C++: the structs are members, the callbacks lambdas. Prints what ran.
 *
 * SPDX-License-Identifier: MIT */
#include <gyre.h>

#include <cstdio>

namespace {

class Ticker
{
public:
    explicit Ticker(gyre_loop *loop)
    {
        gyre_timer_init(&timer_, loop, [](gyre_timer *, void *arg) {
            static_cast<Ticker *>(arg)->tick();
        }, this);
        gyre_timer_start_every(&timer_, GYRE_MS(2));
    }

private:
    void tick()
    {
        std::printf("tick %d\n", ++count_);
        if (count_ == 2)
            gyre_timer_stop(&timer_);
    }

    gyre_timer timer_ = {};
    int count_ = 0;
};

}

int main()
{
    gyre_loop *loop = nullptr;

    if (gyre_loop_create(nullptr, &loop) < 0)
        return 1;
    Ticker ticker(loop);
    gyre_call_soon(loop, [](void *) { std::puts("soon"); }, nullptr);
    int result = gyre_loop_run(loop);
    std::puts(gyre_errname(result));
    return gyre_loop_destroy(loop);
}
