"""The package without a guest: errors, closed handles, and that nothing is missing of the header."""

import copy
import ctypes
import ctypes.util
import gc
import inspect
import mmap
import pickle
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import nfm
from nfm import _abi, _decode, _rows
from nfm._library import LIBRARY, Library

ROOT = Path(__file__).resolve().parents[3]
# libvirt's own driver for tests has a domain and no guest.
TEST = "test:///default"


class Generated(unittest.TestCase):
    def test_it_is_what_the_header_gives(self):
        check = subprocess.run([ROOT / "bindings/generate", "--check"], capture_output=True, text=True)
        self.assertEqual((check.returncode, check.stderr), (0, ""))

    def test_structures_are_as_c_has_them(self):
        lines = ["#include <stdio.h>", "#include <nfm.h>", "int main(void) {"]
        expected = []
        for name, structure in vars(_abi).items():
            if name.startswith("nfm_") and getattr(structure, "_fields_", None):
                lines.append(f'printf("%zu\\n", sizeof({name}));')
                expected.append(ctypes.sizeof(structure))
                for member, *_ in structure._fields_:
                    lines.append(f'printf("%zu\\n", offsetof({name}, {member}));')
                    expected.append(getattr(structure, member).offset)
        self.assertGreater(len(expected), 200)
        lines.append("return 0; }")
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "layout"
            compiler = ["cc", "-I", ROOT / "include", "-x", "c", "-", "-o", program]
            subprocess.run(compiler, input="\n".join(lines), text=True, check=True)
            printed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
        self.assertEqual([int(line) for line in printed.split()], expected)

    def test_every_function_has_its_types(self):
        for name, (restype, argtypes) in _abi.FUNCTIONS.items():
            function = getattr(LIBRARY, name)
            self.assertEqual((function.restype, function.argtypes), (restype, argtypes), name)

    def test_every_section_is_a_property(self):
        for section in nfm.Section:
            self.assertIsInstance(getattr(nfm.Frame, section.name.lower()), property)

    def test_every_result_has_an_exception(self):
        for result in nfm.Result:
            if result != nfm.Result.OK:
                self.assertTrue(issubclass(nfm._errors.BY_RESULT[result], nfm.Error))
        self.assertTrue(issubclass(nfm.PermissionError, PermissionError))
        self.assertTrue(issubclass(nfm.InvalidArgumentError, ValueError))

    def test_every_option_can_be_given(self):
        names = {
            "time_limit_ns": "time_limit",
            "period_ns": "period",
            "listing_period_ns": "listing_period",
        }
        for structure, function in (
            (_abi.nfm_open_options_t, nfm.open_domain),
            (_abi.nfm_crawl_options_t, nfm.Domain.crawl),
            (_abi.nfm_list_options_t, nfm.list_domains),
            (_abi.nfm_fleet_options_t, nfm.watch),
        ):
            # A function in Python has what it needs without a pointer beside it.
            others = {"size", "reserved", "reserved_2", "log_user"}
            members = {one[0] for one in structure._fields_} - others
            given = set(inspect.signature(function).parameters) - {"self", "name"}
            self.assertEqual({names.get(one, one) for one in members}, given)

    def test_one_version(self):
        self.assertEqual(nfm.__version__, nfm.version())


class Members(unittest.TestCase):
    """Sections by reflection."""

    def test_are_those_of_the_structures(self):
        counters = 0
        for section in nfm.Section:
            members = nfm.section_members(section.name.lower())
            self.assertEqual(members, nfm.section_members(section))
            if section == nfm.Section.INTEGRITY:
                self.assertEqual(members, ())
                continue
            function = _abi.FUNCTIONS[f"nfm_frame_{section.name.lower()}"]
            structure = function[0]._type_
            rows = [one for one in members if not one.rows_of]
            for one in rows:
                field = getattr(structure, one.name)
                self.assertEqual((one.offset, one.size), (field.offset, field.size), one)
                stem = structure.__name__[len("nfm_") : -len("_t")]
                bit = getattr(_abi, f"NFM_{stem}_{one.name}".upper(), 0)
                self.assertEqual(one.known_bit, bit, one)
                self.assertTrue(one.doc.endswith("."), one)
                counters += nfm.Kind(one.kind) == nfm.Kind.COUNTER
                nfm.MemberType(one.value_type)
            lists = {f"{one.name}_{part}" for one in rows for part in ("count", "stride")}
            # Computed for C, beside the columns that they are computed of.
            computed = {"protocol_id", "state_id", "family", "local_ip", "remote_ip"}
            if section != nfm.Section.CONNECTIONS:
                computed = set()
            others = lists | computed | {"known", "reserved", "reserved_2"}
            fields = {name for name, *_ in structure._fields_} - others
            self.assertEqual({one.name for one in rows}, fields)
        self.assertGreater(counters, 20)
        threads = [one.name for one in nfm.section_members("processes") if one.rows_of]
        self.assertEqual(threads, ["name", "start_time_ns", "cpu_ns", "tid", "state"])

    def test_of_no_section(self):
        for wrong in ("processe", "", nfm.Section.OS | nfm.Section.LOG, nfm.Section(0)):
            with self.assertRaisesRegex(ValueError, "no section"):
                nfm.section_members(wrong)


class Rows(unittest.TestCase):
    """Rows of libraries that are not of this package's age."""

    class Newer(ctypes.Structure):
        _fields_ = [("row", _abi.nfm_mount_t), ("later", ctypes.c_uint64 * 3)]

    def test_of_a_newer_library_are_longer(self):
        array = (self.Newer * 3)()
        for index, one in enumerate(array):
            one.row.known = _abi.NFM_MOUNT_MNT_NS | 1 << 60
            one.row.mnt_ns = index
            one.later[:] = [2**64 - 1] * 3
        read = _decode.rows(
            ctypes.pointer(array), 3, ctypes.sizeof(self.Newer), _abi.nfm_mount_t, _rows._mount
        )
        self.assertEqual([row.mnt_ns for row in read], [0, 1, 2])
        self.assertEqual({row.source for row in read}, {None})

    def test_of_an_older_library_are_shorter(self):
        # As if all after `sysname` were of a later version: the page that follows may not be read.
        page = mmap.PAGESIZE
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
        libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        start = libc.mmap(None, 2 * page, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
        self.assertEqual(libc.mprotect(start + page, page, 0), 0)
        at = start + page - 16
        name = ctypes.create_string_buffer(b"Linux")
        ctypes.c_uint64.from_address(at).value = _abi.NFM_OS_SYSNAME
        ctypes.c_uint64.from_address(at + 8).value = ctypes.addressof(name)
        row = _rows._os(_abi.nfm_os_t.from_address(at))
        self.assertEqual((row.sysname, row.release, row.load, row.panicked), ("Linux",) + (None,) * 3)
        # One of many tells its length.
        ctypes.c_uint64.from_address(at).value = _abi.NFM_PROCESS_NAME
        (row,) = _decode.rows(ctypes.c_void_p(at), 1, 16, _abi.nfm_process_t, _rows._process)
        self.assertEqual((row.name, row.pid, row.rss_bytes), ("Linux", 0, None))

    def test_none_are_none(self):
        self.assertEqual(_decode.rows(None, 0, 8, _abi.nfm_mount_t, _rows._mount), ())

    def test_text_is_never_refused(self):
        self.assertEqual(_decode.text(b"a\xff\x1b[31m"), "a\ufffd\x1b[31m")

    def test_are_values(self):
        row = nfm.Problem(None, "processes", "torn", section_bit=nfm.Section.PROCESSES)
        self.assertEqual(pickle.loads(pickle.dumps(row)), row)
        self.assertEqual(copy.copy(row)._asdict()["reason"], "torn")
        with self.assertRaises(AttributeError):
            row.section = "files"


class Errors(unittest.TestCase):
    def test_no_such_domain(self):
        with self.assertRaises(nfm.NoSuchDomainError) as raised:
            nfm.open_domain("nope", uri=TEST)
        error = raised.exception
        self.assertEqual(error.code, nfm.Result.ERR_NO_SUCH_DOMAIN)
        self.assertEqual(error.name, "NFM_ERR_NO_SUCH_DOMAIN")
        self.assertIn("there is no domain 'nope'", str(error))
        self.assertIsNone(error.address)
        self.assertEqual(error.retry, nfm.Retry.NEVER)
        self.assertIsInstance(error, nfm.Error)

    def test_a_domain_that_cannot_be_read(self):
        with self.assertRaises(nfm.UnsupportedError):
            nfm.open_domain("test", uri=TEST)

    def test_no_connection(self):
        with self.assertRaises(nfm.ConnectError) as raised:
            nfm.open_domain("test", uri="nosuchdriver:///")
        self.assertEqual(raised.exception.retry, nfm.Retry.LATER)

    def test_files_are_looked_at(self):
        with self.assertRaises(nfm.UnsupportedError):
            nfm.open_domain("test", uri=TEST, symbols=Path("/nonexistent"), cache_dir="")
        with self.assertRaisesRegex(ValueError, "types contains a NUL"):
            nfm.open_domain("test", uri=TEST, types="a\0b")

    def test_text_that_c_cannot_have(self):
        with self.assertRaisesRegex(ValueError, "NUL"):
            nfm.open_domain("a\0b", uri=TEST)
        with self.assertRaises(UnicodeEncodeError):
            nfm.open_domain("\udcff", uri=TEST)

    def test_a_library_that_is_not_there(self):
        with self.assertRaisesRegex(ImportError, "NFM_LIBRARY"):
            Library("/nonexistent/libnfm.so.0")

    def test_a_library_that_lacks_a_function(self):
        library = Library(ctypes.util.find_library("c"))
        with self.assertRaisesRegex(NotImplementedError, r"it has no nfm_crawl\(\)"):
            library.nfm_crawl()

    def test_cancelled_before_it_begins(self):
        with nfm.Control() as control:
            control.cancel()
            self.assertTrue(control.cancelled)
            with self.assertRaises(nfm.CancelledError):
                nfm.open_domain("test", uri=TEST, control=control)
            control.reset()
            with self.assertRaises(nfm.UnsupportedError):
                nfm.open_domain("test", uri=TEST, control=control)
            self.assertIsNone(control.section)

    def test_a_closed_control(self):
        control = nfm.Control()
        control.close()
        control.close()
        self.assertTrue(control.closed)
        for use in (control.cancel, control.__enter__, lambda: control.pages):
            with self.assertRaisesRegex(nfm.ClosedError, "the control is closed"):
                use()
        with self.assertRaises(ValueError):
            nfm.open_domain("test", uri=TEST, control=control)


class Domains(unittest.TestCase):
    def test_they_are_listed(self):
        (domain,) = nfm.list_domains(uri=TEST)
        self.assertEqual((domain.name, domain.state, domain.id), ("test", "running", 1))
        with self.assertRaises(nfm.ConnectError):
            nfm.list_domains(uri="nosuchdriver:///")

    def test_features(self):
        self.assertIn("section-processes", nfm.features())
        self.assertIn("qemu", nfm.features())


class Fleets(unittest.TestCase):
    def test_a_failure_is_told_once(self):
        with nfm.watch(["t*"], open={"uri": TEST}, period=0.001) as fleet:
            event = fleet.next(60)
            self.assertEqual((event.kind, event.name), (nfm.EventKind.FAILED, "test"))
            self.assertIsInstance(event.error, nfm.UnsupportedError)
            self.assertEqual((event.error.retry, event.retry_after), (nfm.Retry.NEVER, 60.0))
            self.assertFalse(event.repeated or event.restarted or event.frame or event.before)
            self.assertIsNone(fleet.next(0))
            self.assertIn("nfm.Fleet", repr(fleet))

    def test_what_is_no_fleet(self):
        with self.assertRaises(nfm.ConnectError):
            nfm.watch(open={"uri": "nonsense:///"})
        with self.assertRaises(TypeError):
            nfm.watch("test")
        with self.assertRaises(ValueError):
            nfm.watch([])


class Log(unittest.TestCase):
    def test_messages_are_told_and_no_more(self):
        told = []
        nfm.set_log(nfm.LogLevel.TRACE, lambda *message: told.append(message))
        nfm.set_log(nfm.LogLevel.OFF, None)
        count = len(told)
        with self.assertRaises(nfm.Error):
            nfm.open_domain("nope", uri=TEST)
        gc.collect()
        self.assertEqual(len(told), count)

    def test_a_level_that_is_none(self):
        with self.assertRaises(nfm.InvalidArgumentError):
            nfm.set_log(77, lambda *_: None)


if __name__ == "__main__":
    sys.exit(unittest.main())
