"""What was measured: a line each on standard output, and all of it as JSON."""

import json
import statistics

from clock import summary


class Report:
    """Figures and checks; written after each, so that nothing is lost where time runs out."""

    def __init__(self, facts, path=None):
        self._path = path
        self.copy_gb_s = None
        self.content = facts | {"figures": [], "checks": []}
        self.failed = False

    def copy(self, summary, size):
        """The bandwidth of a copy, which the others are compared with."""
        self.copy_gb_s = 2 * size / summary["median"] / 1e3
        self.content["copy"] = {
            "bytes": size,
            "microseconds": summary,
            "gb_per_s": round(self.copy_gb_s, 1),
        }
        print(f"copy: {self.copy_gb_s:.1f} GB/s", flush=True)
        self._write()

    def figure(self, about, summary, size=0, operations=0, against=None, **facts):
        """A time; size: bytes that were moved; against: the first candidate's time over this one's,
        in every round."""
        entry = about | {"microseconds": summary} | facts
        words = [f"{value:18}" for value in about.values()]
        words.append(f"{summary['median']:12.2f} us")
        if size:
            rate = size / summary["median"] / 1e3
            entry["gb_per_s"] = round(rate, 1)
            words.append(f"{rate:8.1f} GB/s")
            if self.copy_gb_s:
                entry["of_copy"] = round(rate / self.copy_gb_s, 3)
                words.append(f"{entry['of_copy']:6.3f} of the copy")
        if operations:
            entry["tflop_per_s"] = round(operations / summary["median"] / 1e6, 2)
            words.append(f"{entry['tflop_per_s']:8.2f} TFLOP/s")
        if against:
            entry["first_over_this"] = round(statistics.median(against), 3)
            words.append(f"x{entry['first_over_this']:.3f}")
        self.content["figures"].append(entry)
        print(" ".join(words), flush=True)
        self._write()

    def turns(self, clock, about, candidates, operations=0):
        """Times candidates in turn, and reports them; operations: floating-point ones of a body."""
        times = clock.take_turns(candidates)
        for candidate, spent in zip(candidates, times):
            if spent:
                self.figure(
                    about | {"image": candidate.name},
                    summary(spent),
                    candidate.size,
                    operations,
                    [first / each for first, each in zip(times[0], spent)],
                    **candidate.facts,
                )

    def checked(self, about, problems, **facts):
        """What came of a check: nothing, or what is wrong, a line each."""
        self.content["checks"].append(about | facts | {"problems": problems})
        self.failed = self.failed or bool(problems)
        name = " ".join(map(str, about.values()))
        print(f"check: {name}: {'failed' if problems else 'passed'}", flush=True)
        for problem in problems:
            print(f"    {problem}", flush=True)
        self._write()

    def _write(self):
        if self._path:
            with open(self._path, "w", encoding="utf-8") as file:
                json.dump(self.content, file, indent=1)
                file.write("\n")
