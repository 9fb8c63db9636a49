"""nfm.store on a recorded guest: NFM_TEST_STORE is the folder, NFM_TEST_DOMAIN the guest, NFM_TEST_NFM the program,
NFM_TEST_TIME a time at which the process NFM_TEST_PID was there. tools/tests/record.rs runs it.
"""

import os
import sys
import unittest
from datetime import datetime, timedelta, timezone

import nfm
import nfm.store

FOLDER, DOMAIN, TIME = (os.environ[f"NFM_TEST_{name}"] for name in ("STORE", "DOMAIN", "TIME"))
PID = int(os.environ["NFM_TEST_PID"])
COMMAND = [os.environ["NFM_TEST_NFM"], "-c", "qemu:///system"]


class Recorded(unittest.TestCase):
    def setUp(self):
        self.store = nfm.store.open(FOLDER, command=COMMAND)

    def test_a_frame_of_the_past(self):
        frame = self.store.at(DOMAIN, TIME)
        (sleeper,) = [one for one in frame.processes if one.pid == PID]
        self.assertEqual((sleeper.command_line, type(sleeper)), ("sleep 4321", nfm.Process))
        self.assertTrue(frame.complete, frame.problems)
        self.assertIn("Linux version", " ".join(record.text for record in frame.log))
        # The same moment in its other forms.
        self.assertEqual(self.store.at(DOMAIN, frame.time_ns).seq, frame.seq)
        after = frame.time + timedelta(microseconds=1)
        self.assertEqual(self.store.at(DOMAIN, after).to_dict(), frame.to_dict())
        only = self.store.at(DOMAIN, frame.time_ns, ["os"])
        self.assertEqual((only.os, only.processes), (frame.os, None))

    def test_frames_and_events_in_their_order(self):
        (recording,) = self.store.recordings()
        self.assertEqual(recording.domain, DOMAIN)
        # The recorder goes on meanwhile.
        frames = list(self.store.frames(DOMAIN, sections=["memory"]))[: recording.frames]
        self.assertEqual(len(frames), recording.frames)
        times = [frame.time_ns for frame in frames]
        self.assertEqual((times[0], times[-1], times), (recording.first_ns, recording.last_ns, sorted(times)))
        self.assertTrue(all(frame.memory.total > 1 << 27 for frame in frames))
        some = list(self.store.frames(DOMAIN, every=1.0, sections=["memory"]))
        self.assertTrue(2 <= len(some) < len(frames), (len(some), len(frames)))
        # One that is left early leaves no program behind.
        next(self.store.frames(DOMAIN))
        kinds = [event.kind for event in self.store.events(since=times[0] - 10**10)]
        self.assertIn("new", kinds)

    def test_bad_input(self):
        with self.assertRaisesRegex(nfm.store.StoreError, "there are no frames of a domain 'nobody'") as error:
            self.store.at("nobody", TIME)
        self.assertNotEqual(error.exception.status, 0)
        with self.assertRaisesRegex(nfm.store.StoreError, "a time is"):
            self.store.at(DOMAIN, "tea time")
        with self.assertRaisesRegex(ValueError, "time zone"):
            self.store.at(DOMAIN, datetime.now())
        with self.assertRaisesRegex(nfm.store.StoreError, "/nonexistent"):
            nfm.store.open("/nonexistent", command=COMMAND).recordings()
        with self.assertRaisesRegex(nfm.store.StoreError, "there is no command"):
            nfm.store.open(FOLDER, command=["/nonexistent/nfm"]).recordings()
        with self.assertRaisesRegex(AttributeError, "no section 'coffee'"):
            self.store.at(DOMAIN, datetime.now(timezone.utc)).coffee

    def test_arrow(self):
        try:
            import pyarrow
        except ImportError:
            print("SKIPPED: nfm.store.Store.rows was not tested: there is no package pyarrow", file=sys.stderr)
            return
        rows = self.store.rows("processes", DOMAIN)
        self.assertIsInstance(rows, pyarrow.Table)
        lines = rows.column("command_line").to_pylist()
        self.assertGreaterEqual(lines.count("sleep 4321"), 2)


def _without_repetition(row):
    """Without what C tells a second time, as a number or as bytes."""
    if isinstance(row, nfm.Connection):
        return row._replace(protocol_id=None, state_id=None, family=None, local_ip=None, remote_ip=None)
    return row


class Live(unittest.TestCase):
    def test_rows_are_those_of_the_library(self):
        with nfm.open_domain(DOMAIN, uri="qemu:///system") as domain, domain.crawl(threads=True) as frame:
            own = nfm.store.RecordedFrame(frame.to_dict())
            compared = 0
            for name in nfm.store._SECTIONS:
                section = getattr(frame, name)
                rows = [_without_repetition(row) for row in (section if type(section) is tuple else (section,))]
                found = getattr(own, name)
                self.assertEqual(list(found) if type(found) is tuple else [found], rows, name)
                compared += len(rows)
            self.assertGreater(compared, 300)

    def test_frames_as_they_come(self):
        frames = list(nfm.store.live(DOMAIN, 0.1, ["os"], count=3, command=COMMAND))
        self.assertEqual([frame.seq for frame in frames], [1, 2, 3])
        self.assertLess(frames[0].os.uptime_ns, frames[2].os.uptime_ns + 1)


if __name__ == "__main__":
    unittest.main()
