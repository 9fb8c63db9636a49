"""The package with a real guest, which NFM_TEST_DOMAIN names: `make test` runs it."""

import ctypes
import gc
import json
import os
import threading
import time
import unittest

import nfm

GUEST = os.environ["NFM_TEST_DOMAIN"]
URI = "qemu:///system"


def plain(value):
    """Rows as JSON has them: their members' names, lists for tuples."""
    if hasattr(value, "_asdict"):
        return {key: plain(one) for key, one in value._asdict().items()}
    return [plain(one) for one in value] if isinstance(value, tuple) else value


class Guest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.domain = nfm.open_domain(GUEST, uri=URI)
        cls.addClassCleanup(cls.domain.close)

    def test_limits_hold(self):
        with self.domain.crawl(["processes"], row_limit=10) as frame:
            self.assertFalse(frame.complete)
            self.assertEqual(len(frame.processes), 10)
            self.assertIn("row limit", frame.problems[0].reason)
        for wrong in (0, -1, 1 << 64):
            with self.assertRaisesRegex(ValueError, "memory_limit"):
                self.domain.crawl(memory_limit=wrong)

    def test_rows_are_what_the_json_has(self):
        with self.domain.crawl(list(nfm.Section), threads=True, physical=True) as frame:
            held = frame.to_dict()
            self.assertEqual(json.loads(frame.to_json(pretty=True)), held)
            self.assertEqual(frame.info.seq, held["seq"])
            self.assertEqual(frame.complete, held["consistency"]["complete"])
            sections = {one.name.lower(): getattr(frame, one.name.lower()) for one in nfm.Section}
        compared = 0
        for name, rows in sections.items():
            expected = held[name]
            if isinstance(rows, dict):
                self.assertEqual(rows, expected)
                continue
            if hasattr(rows, "_fields"):
                rows, expected = (rows,), [expected]
            self.assertEqual(len(rows), len(expected), name)
            for row, one in zip(rows, expected):
                flat = {**one, **one.get("times", {})}
                for key, value in plain(row).items():
                    if key in flat and not isinstance(value, list):
                        self.assertEqual(value, flat[key], f"{name}: {key}")
                        compared += 1
        self.assertGreater(compared, 5000)
        process = sections["processes"][0]
        self.assertEqual(process.thread_list[0].tid, process.pid)
        self.assertEqual(
            plain(sections["modules"])[0]["used_by"], held["modules"][0]["used_by"]
        )
        addresses = {one.name: one.ipv4 for one in sections["interfaces"]}
        self.assertEqual(addresses["dummy0"], ("192.168.77.1/24",))
        self.assertTrue(any(one.physical for one in sections["mappings"]))

    def test_columns_are_what_the_rows_have(self):
        with self.domain.crawl(list(nfm.Section), threads=True, physical=True) as frame:
            for section in nfm.Section:
                name = section.name.lower()
                if section == nfm.Section.INTEGRITY:
                    continue
                rows = getattr(frame, name)
                rows = rows if isinstance(rows, tuple) and not hasattr(rows, "_fields") else (rows,)
                columns = frame.columns(name)
                self.assertGreater(len(columns), 0)
                for column, values in columns.items():
                    expected = [getattr(row, column) for row in rows]
                    self.assertEqual(values, expected, f"{name}: {column}")
            few = frame.columns("processes", ["pid", "rss_bytes"])
            self.assertEqual(list(few), ["pid", "rss_bytes"])
            for wrong in ("nothing", "thread_list"):
                with self.assertRaisesRegex(ValueError, wrong):
                    frame.columns("processes", [wrong])
        with self.domain.crawl(["os"]) as frame, self.assertRaisesRegex(ValueError, "processes"):
            frame.columns("processes")

    def test_columns_for_numpy(self):
        with self.domain.crawl(["processes"]) as frame:
            rss, known = frame.array("processes", "rss_bytes"), frame.array("processes", "known")
            rows = frame.processes
            with self.assertRaises(ValueError):
                frame.array("processes", "name")
        gc.collect()
        bit = {one.name: one.known_bit for one in nfm.section_members("processes")}["rss_bytes"]
        self.assertEqual(rss.tolist(), [row.rss_bytes or 0 for row in rows])
        self.assertEqual([bool(one & bit) for one in known.tolist()], [row.rss_bytes is not None for row in rows])
        with self.assertRaises(ValueError):
            rss[0] = 1

    def test_columns_for_arrow(self):
        with self.domain.crawl(["processes"], threads=True) as frame:
            section = frame.arrow("processes")
            pids = frame.columns("processes", ["pid"])["pid"]
            with self.assertRaises(ValueError):
                frame.arrow("files")
        held = nfm._arrow._held
        before = len(held)
        schema, array = section.__arrow_c_array__()
        self.assertEqual(len(held), before + 2)
        # As a consumer does: it moves the structures out of their capsules.
        pointer = nfm._arrow._pointer_of(id(array), b"arrow_array")
        taken = nfm._arrow.ArrowArray()
        ctypes.memmove(ctypes.addressof(taken), pointer, ctypes.sizeof(taken))
        empty = nfm._arrow._RELEASE_ARRAY()
        nfm._arrow.ArrowArray.from_address(pointer).release = empty
        del schema, array
        gc.collect()
        self.assertEqual(len(held), before)
        self.assertEqual(taken.length, len(pids))
        children = (ctypes.c_void_p * taken.n_children).from_address(taken.children)
        columns = [one.name for one in nfm.section_members("processes") if not one.rows_of]
        self.assertEqual(len(children), len(columns))
        taken.release(taken)
        self.assertFalse(taken.release)

    def test_a_stream_for_arrow(self):
        arrow = nfm._arrow
        with self.domain.crawl(["modules"]) as frame:
            section, count = frame.arrow("modules"), len(frame.modules)
        unused = section.__arrow_c_stream__()
        capsule = section.__arrow_c_stream__()
        self.assertEqual(len(arrow._streams), 2)
        del unused
        self.assertEqual(len(arrow._streams), 1)
        # As a consumer does: it moves the stream, then asks for its type and for batches until one is released.
        pointer = arrow._pointer_of(id(capsule), b"arrow_array_stream")
        stream = arrow.ArrowArrayStream()
        ctypes.memmove(ctypes.addressof(stream), pointer, ctypes.sizeof(stream))
        arrow.ArrowArrayStream.from_address(pointer).release = arrow._RELEASE_STREAM()
        del capsule
        schema, array = arrow.ArrowSchema(), arrow.ArrowArray()
        self.assertEqual(stream.get_schema(stream, ctypes.addressof(schema)), 0)
        self.assertEqual(schema.format, b"+s")
        schema.release(schema)
        self.assertEqual(stream.get_next(stream, ctypes.addressof(array)), 0)
        self.assertEqual((array.length, array.n_children), (count, schema.n_children))
        array.release(array)
        self.assertEqual(stream.get_next(stream, ctypes.addressof(array)), 0)
        self.assertFalse(array.release)
        stream.release(stream)
        self.assertFalse(stream.release)
        self.assertEqual(len(arrow._streams), 0)
        failing = arrow.ArrowSection.__new__(arrow.ArrowSection)
        failing._frame, failing._bit = frame, section._bit
        pointer = arrow._pointer_of(id(capsule := failing.__arrow_c_stream__()), b"arrow_array_stream")
        stream = arrow.ArrowArrayStream.from_address(pointer)
        self.assertEqual(stream.get_schema(stream, ctypes.addressof(schema)), 5)
        self.assertEqual(ctypes.string_at(stream.get_last_error(stream)), b"the frame is closed")
        del capsule

    def test_what_is_not_known_is_none(self):
        with self.domain.crawl(["processes"]) as frame:
            self.assertIsNone(frame.files)
            kernel = next(one for one in frame.processes if one.kernel_thread)
        self.assertIsNone(kernel.exe)
        self.assertIsNone(kernel.thread_list)
        self.assertEqual(kernel.command_line, "")

    def test_names_that_are_not_text(self):
        with self.domain.crawl(nfm.Section.PROCESSES) as frame:
            names = {one.name for one in frame.processes}
        self.assertIn("new\nline\ufffd\\n", names)
        self.assertIn("na\u00efve \u221e", names)

    def test_files(self):
        listing = self.domain.list_files("/srv/www")
        self.assertTrue(listing.complete)
        (data,) = listing.files
        self.assertEqual((data.path, data.kind, data.size, data.mode), ("data.txt", "file", 88000, 0o644))
        self.assertFalse(self.domain.list_files("/proc").complete)
        self.assertEqual(self.domain.stat("/bin/sh", follow=False).target, "busybox")
        self.assertEqual(self.domain.stat("/bin/sh", pid=1).kind, "file")
        with self.domain.open_file("/srv/www/data.txt") as file:
            content = file.read()
            self.assertEqual(len(content), 88000)
            self.assertTrue(content.startswith(b"line 0001 of a file that the workload reads\n"))
            self.assertEqual(file.read(50, 100), content[50:150])
            self.assertEqual(file.read(87999, 100), content[-1:])
            self.assertEqual(file.read_known(44, 44), (content[44:88], ()))
            (whole,) = file.content()
            self.assertEqual((whole.offset, whole.length, whole.content), (0, 88000, nfm.Content.DIRTY))
        # A name that is no UTF-8, as Python itself has such names.
        (path,) = (one.path for one in self.domain.list_files("/root").files if one.path.startswith("na"))
        self.assertEqual(os.fsencode(path), b"na\xefve")
        with self.domain.open_file(f"/root/{path}") as latin:
            self.assertEqual(latin.read(), b"latin\n")
        with self.assertRaisesRegex(nfm.ClosedError, "the openfile is closed"):
            file.read()
        with self.assertRaisesRegex(nfm.FileError, "there is no such file"):
            self.domain.open_file("/srv/nothing")
        with self.assertRaises(nfm.NotInMemoryError):
            self.domain.open_file("/proc/uptime")
        with self.domain.crawl(["files"]) as frame:
            gone = [one for one in frame.files if one.kind == "file" and one.path.endswith(" (deleted)")]
        gone = next(one for one in gone if not one.path.startswith("/dev") and not one.path.startswith("/memfd"))
        with self.domain.open_descriptor(gone.pid, gone.fd) as file:
            self.assertTrue(file.read())

    def test_rows_outlive_the_frame(self):
        frame = self.domain.crawl(["os"])
        read = frame.os
        frame.close()
        frame.close()
        gc.collect()
        self.assertEqual(read.sysname, "Linux")
        self.assertIs(frame.os, read)
        with self.assertRaisesRegex(nfm.ClosedError, "the frame is closed"):
            frame.to_json()

    def test_a_closed_domain(self):
        with nfm.open_domain(GUEST, uri=URI) as domain:
            frame = domain.crawl(["os"])
        self.assertTrue(domain.closed)
        with self.assertRaisesRegex(nfm.ClosedError, "the domain is closed"):
            domain.crawl()
        self.assertEqual(frame.os.sysname, "Linux")

    def test_forgotten_handles_are_freed(self):
        def memory():
            with open("/proc/self/statm", encoding="ascii") as file:
                return int(file.read().split()[1])

        for _ in range(10):
            self.domain.crawl(["processes", "files"]).to_json()
        gc.collect()
        before = memory()
        for _ in range(40):
            self.domain.crawl(["processes", "files"]).to_json()
        gc.collect()
        # A frame with its JSON is some 200 KiB: 40 that stay would be 2000 pages.
        self.assertLess(memory() - before, 1024)

    def test_the_difference_of_two_frames(self):
        sections = ["os", "cpus", "processes", "interfaces", "connections"]
        with self.domain.crawl(sections) as earlier, self.domain.crawl(["os"]) as other:
            with nfm.diff(earlier, other) as none:
                self.assertIsNone(none.processes)
            time.sleep(0.3)
            with self.domain.crawl(sections) as later:
                diff = nfm.diff(earlier, later)
                pids = [one.pid for one in later.processes]
        self.assertEqual(diff.boot, nfm.Boot.SAME)
        self.assertGreater(diff.elapsed, 0.2)
        there = [one for one in diff.processes if one.later]
        self.assertEqual([one.later.pid for one in there], pids)
        stayed = [one for one in there if one.change == nfm.Change.STAYED]
        self.assertGreater(len(stayed), 40)
        for one in stayed:
            before = one.earlier.user_ns + one.earlier.system_ns
            if one.cpu_ns is not None:
                self.assertEqual(one.cpu_ns, one.later.user_ns + one.later.system_ns - before)
        self.assertEqual({one.change for one in diff.cpus}, {nfm.Change.STAYED})
        lo = next(one for one in diff.interfaces if one.later and one.later.name == "lo")
        self.assertEqual(lo.rx_bytes, lo.later.rx_bytes - lo.earlier.rx_bytes)
        self.assertTrue(all(one.later or one.earlier for one in diff.connections))

    def test_domains_are_followed(self):
        options = {"open": {"uri": URI}, "crawl": {"sections": ["os", "processes"]}}
        seen, frames = [], []
        with nfm.watch([GUEST], period=0.1, **options) as fleet:
            for event in fleet:
                self.assertEqual(event.name, GUEST)
                seen.append(event.kind)
                if event.frame:
                    frames.append(event)
                if len(frames) == 3:
                    break
            self.assertIsInstance(fleet.next(5), nfm.Event)
        self.assertEqual(seen, [nfm.EventKind.NEW] + 3 * [nfm.EventKind.FRAME])
        self.assertIsNone(frames[0].before)
        # They outlive their fleet.
        self.assertEqual([one.frame.info.seq for one in frames], [1, 2, 3])
        self.assertEqual(frames[2].before.info.seq, 2)
        with nfm.diff(frames[1].before, frames[2].frame) as diff:
            self.assertEqual(diff.boot, nfm.Boot.SAME)
        with self.assertRaisesRegex(nfm.ClosedError, "the fleet is closed"):
            fleet.next(0)

    def test_processes_are_followed(self):
        told = []
        options = {"log": lambda *message: told.append(message), "log_level": nfm.LogLevel.DEBUG}
        with nfm.watch([GUEST], processes=True, period=0.1, open=options, crawl={"sections": ["os"]}) as fleet:
            events = [event for event, _ in zip(fleet, range(3))]
        kinds = [nfm.EventKind.NEW, nfm.EventKind.FRAME, nfm.EventKind.FRAME]
        self.assertEqual([event.kind for event in events], kinds)
        (process,) = [one for one in nfm.list_processes() if one.name == GUEST]
        self.assertEqual({event.uuid for event in events}, {f"qemu:{process.pid}"})
        self.assertTrue(told)

    def test_a_guest_by_its_process(self):
        (process,) = [one for one in nfm.list_processes() if one.name == GUEST]
        self.assertIsNone(process.id)
        with nfm.open_pid(process.pid) as domain, domain.crawl(["os", "host"]) as frame:
            self.assertEqual((frame.info.domain_name, frame.info.domain_uuid), (GUEST, process.uuid))
            self.assertIsNone(frame.host.state)
        with self.assertRaises(nfm.NoSuchDomainError):
            nfm.open_pid(os.getpid())

    def test_the_programs_own_connection(self):
        libvirt = ctypes.CDLL("libvirt.so.0")
        libvirt.virConnectOpenReadOnly.restype = ctypes.c_void_p
        libvirt.virDomainLookupByName.restype = ctypes.c_void_p
        libvirt.virDomainLookupByName.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        libvirt.virDomainFree.argtypes = libvirt.virConnectClose.argtypes = [ctypes.c_void_p]
        connection = libvirt.virConnectOpenReadOnly(URI.encode())
        domain = libvirt.virDomainLookupByName(connection, GUEST.encode())
        self.assertIn(GUEST, [one.name for one in nfm.list_domains(connection=connection)])
        for opened in (
            nfm.open_domain(GUEST, connection=connection),
            nfm.open_virdomain(domain, time_limit=10),
        ):
            with opened, opened.crawl(["host"]) as frame:
                self.assertEqual(frame.host.state, "running")
        with self.assertRaises(TypeError):
            nfm.open_domain(GUEST, connection="qemu:///system")
        with self.assertRaises(nfm.InvalidArgumentError):
            nfm.open_domain(GUEST, connection=connection, uri=URI)
        libvirt.virDomainFree(domain)
        libvirt.virConnectClose(connection)

    def test_options_are_checked(self):
        for arguments in ({"sections": []}, {"sections": ["procs"]}, {"time_limit": -1}):
            with self.assertRaises(ValueError, msg=str(arguments)):
                self.domain.crawl(**arguments)
        with self.assertRaises(TypeError):
            self.domain.crawl("processes")
        with self.assertRaises(nfm.InvalidArgumentError):
            self.domain.crawl(nfm.Section(1 << 62))

    def test_a_time_limit_is_told(self):
        with self.domain.crawl(list(nfm.Section), time_limit=1e-9) as frame:
            self.assertFalse(frame.complete)
            self.assertTrue(frame.problems)

    def test_another_thread_cancels(self):
        control = nfm.Control()
        ended = []

        def crawl():
            try:
                while True:
                    self.domain.crawl(list(nfm.Section), physical=True, control=control)
            except nfm.CancelledError as error:
                ended.append(error)

        thread = threading.Thread(target=crawl)
        thread.start()
        while control.pages < 100:
            time.sleep(0.001)
        control.cancel()
        thread.join(10)
        self.assertFalse(thread.is_alive())
        self.assertEqual(ended[0].name, "NFM_ERR_CANCELLED")
        self.assertGreater(control.pages, 100)

    def test_threads_share_a_domain(self):
        seqs = []

        def crawl():
            for _ in range(10):
                with self.domain.crawl(["os"]) as frame:
                    seqs.append(frame.info.seq)

        threads = [threading.Thread(target=crawl) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(set(seqs)), 40)

    def test_messages_are_told(self):
        told = []
        own = []
        nfm.set_log(nfm.LogLevel.DEBUG, lambda *message: told.append(message))
        try:
            options = {"log": lambda *message: own.append(message), "log_level": nfm.LogLevel.DEBUG}
            with nfm.open_domain(GUEST, uri=URI, **options) as domain:
                domain.crawl(["os"]).close()
            self.assertTrue(own)
            self.assertFalse(told)
            nfm.open_domain(GUEST, uri=URI).close()
        finally:
            nfm.set_log(nfm.LogLevel.OFF, None)
        self.assertTrue(told)
        level, target, message = told[0]
        self.assertIsInstance(level, nfm.LogLevel)
        self.assertTrue(target.startswith("nfm"), target)
        self.assertTrue(message)


if __name__ == "__main__":
    unittest.main()
