/* SPDX-License-Identifier: GPL-2.0-only */
/* The run loop of core/measure.c. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "core/run.h"
#include "vnet/util.h"

/* Records are taken at least so often, in case a wake-up is late. */
#define POLL_MAX_NS	(VNET_NS_PER_S / 10)

/* What grows old in the maps is taken out so often. */
#define TIDY_NS		VNET_NS_PER_S

int vnet_loop_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Sleeps until `until` or until something happens. 1: a signal; -EPIPE. */
static int wait_until(const struct vnet_loop *loop, int signal_fd, uint64_t until)
{
	struct pollfd fds[] = {
		{ .fd = signal_fd, .events = POLLIN },
		/* No event asked for: POLLERR tells when a pipe's reader goes. */
		{ .fd = loop->out_fd, .events = 0 },
		{ .fd = loop->stream_fd, .events = POLLIN },
	};
	uint64_t now = vnet_now_ns(), left = until > now ? until - now : 0;
	struct timespec ts;

	if (loop->stream_fd >= 0 && left > POLL_MAX_NS)
		left = POLL_MAX_NS;
	ts.tv_sec = left / VNET_NS_PER_S;
	ts.tv_nsec = left % VNET_NS_PER_S;
	if (ppoll(fds, VNET_ARRAY_SIZE(fds), until == UINT64_MAX && loop->stream_fd < 0 ?
		  NULL : &ts, NULL) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[1].revents & POLLERR)
		return -EPIPE;
	return fds[0].revents & POLLIN ? 1 : 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Calls tidy() if it is time to; *next is then the time after. */
static int tidy(const struct vnet_loop *loop, uint64_t now, uint64_t *next)
{
	if (now < *next)
		return 0;
	*next = now + TIDY_NS;
	return loop->tidy(loop->ctx);
}

int vnet_loop_run(const struct vnet_loop *loop, int signal_fd)
{
	uint64_t begin = vnet_now_ns(), start = begin, end, next, clean;
	uint32_t nr = 0;
	bool last = false;
	int err = 0;

	end = loop->duration_ns ? begin + loop->duration_ns : UINT64_MAX;
	next = loop->interval_ns ? begin + loop->interval_ns : UINT64_MAX;
	clean = loop->tidy ? begin + TIDY_NS : UINT64_MAX;
	while (!last) {
		uint64_t now;

		err = wait_until(loop, signal_fd, least(least(next, end), clean));
		if (err < 0)
			return err;
		last = err == 1;
		if (loop->drain) {
			err = loop->drain(loop->ctx);
			if (err < 0)
				return err;
			last |= err == 1;
		}
		now = vnet_now_ns();
		last |= now >= end;
		err = tidy(loop, now, &clean);
		if (err < 0)
			return err;
		if (!loop->tick || (!last && now < next))
			continue;
		nr++;
		last |= loop->count && nr >= loop->count;
		err = loop->tick(loop->ctx, start, now, last);
		if (err < 0)
			return err;
		start = now;
		/* A late report does not shift the ones after it. */
		while (next <= now)
			next += loop->interval_ns;
	}
	return 0;
}
