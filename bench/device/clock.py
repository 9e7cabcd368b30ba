"""Times of work on the device, several candidates in turn."""

import contextlib
import statistics

# Work of one sample, in microseconds: enough that its launch does not count.
SAMPLE_US = 20_000.0


class Candidate:
    """Something to time: bodies of one or more calls each, repeated one after the other; bytes that
    a body moves; and what has to be done, untimed, before each sample."""

    def __init__(self, name, bodies, size=0, before=None, most=500, **facts):
        self.name = name
        self.bodies = [body if isinstance(body, (list, tuple)) else [body] for body in bodies]
        self.size = size
        self.before = before or (lambda: None)
        self.most = most
        self.facts = facts

    def run(self, repeats):
        """Queues bodies, those that there are in turn."""
        for i in range(repeats):
            for call in self.bodies[i % len(self.bodies)]:
                call()


class Clock:
    """Takes times between two events of the device.

    A sample is one launch of a CUDA graph of many repetitions, so that the host, which is Python
    here, does not count. Candidates take turns in every round, forwards and backwards, so that a
    clock that drifts favours none; all of them repeat as often.
    """

    def __init__(self, driver, rounds):
        self._driver = driver
        self._rounds = rounds
        self._begin, self._end = driver.event(), driver.event()

    def take_turns(self, candidates):
        """A list of microseconds of one body for each candidate, a number a round."""
        repeats = min(self._repeats(candidate) for candidate in candidates)
        times = [[] for _ in candidates]
        order = list(range(len(candidates)))
        with contextlib.ExitStack() as graphs:
            captured = []
            for candidate in candidates:
                with self._driver.captured() as graph:
                    candidate.run(repeats)
                graphs.callback(graph.close)
                captured.append(graph)
            for turn in range(-1, self._rounds):
                for i in order if turn % 2 == 0 else reversed(order):
                    candidates[i].before()
                    spent = self._sample(captured[i]) / repeats
                    if turn >= 0:  # the first launches are for warming up
                        times[i].append(spent)
        return times

    def _repeats(self, candidate):
        candidate.before()
        candidate.run(1)
        candidate.before()
        spent = self._sample(lambda: candidate.run(1))
        target = 0.0 if self._driver.virtual else SAMPLE_US
        return max(1, min(candidate.most, int(target / max(1.0, spent))))

    def _sample(self, work):
        driver = self._driver
        driver.synchronize()
        driver.record(self._begin)
        work()
        driver.record(self._end)
        return driver.elapsed_us(self._begin, self._end)


class OnceClock:
    """Takes no times: runs every candidate once, for a profiler or a sanitizer to look at."""

    def __init__(self, driver):
        self._driver = driver

    def take_turns(self, candidates):
        """Runs them, and has no times of them."""
        for candidate in candidates:
            candidate.before()
            candidate.run(1)
            self._driver.synchronize()
        return [[] for _ in candidates]


def summary(times):
    """Median and spread of microseconds."""
    return {
        "median": round(statistics.median(times), 2),
        "minimum": round(min(times), 2),
        "maximum": round(max(times), 2),
        "samples": len(times),
    }
