package nfm

// #include <stdlib.h>
// #include <nfm.h>
import "C"

import (
	"io"
	"runtime"
	"sync"
	"unsafe"
)

// longestRead is how many bytes one call of the library reads at most.
const longestRead = 16 << 20

// OpenFile is a regular file of a guest: the same one also once its last name is removed. From Domain.OpenFile.
type OpenFile struct {
	mutex   sync.RWMutex
	domain  *Domain
	pointer *C.nfm_open_file_t
}

// FileListing is the names in a directory that the guest's memory holds.
type FileListing struct {
	Files []FoundFile

	// Complete is true if there are no others: the guest's file system has all names in memory.
	Complete bool
}

// OpenFile opens a regular file of the guest for reading by its path, as a process sees it; 0 for the first one.
func (domain *Domain) OpenFile(path string, pid uint32) (*OpenFile, error) {
	passed := C.CString(path)
	defer C.free(unsafe.Pointer(passed))
	return domain.opened(func(out **C.nfm_open_file_t, failure **C.nfm_error_t) C.int {
		return C.nfm_file_open(domain.pointer, C.uint32_t(pid), passed, out, failure)
	})
}

// OpenDescriptor opens a regular file that a process of the guest has open, also one that was removed.
func (domain *Domain) OpenDescriptor(pid, fd uint32) (*OpenFile, error) {
	return domain.opened(func(out **C.nfm_open_file_t, failure **C.nfm_error_t) C.int {
		return C.nfm_file_open_descriptor(domain.pointer, C.uint32_t(pid), C.uint32_t(fd), out, failure)
	})
}

func (domain *Domain) opened(open func(**C.nfm_open_file_t, **C.nfm_error_t) C.int) (*OpenFile, error) {
	domain.mutex.Lock()
	defer domain.mutex.Unlock()
	if domain.pointer == nil {
		return nil, ErrClosed
	}
	var pointer *C.nfm_open_file_t
	var failure *C.nfm_error_t
	result := open(&pointer, &failure)
	if err := failed(result, failure); err != nil {
		return nil, err
	}
	file := &OpenFile{domain: domain, pointer: pointer}
	runtime.SetFinalizer(file, (*OpenFile).Close)
	return file, nil
}

// Close ends the file. It does nothing the second time.
func (file *OpenFile) Close() {
	file.mutex.Lock()
	defer file.mutex.Unlock()
	C.nfm_file_close(file.pointer)
	file.pointer = nil
	runtime.SetFinalizer(file, nil)
}

// ReadAt reads bytes of the file (io.ReaderAt). It fails with ErrNotInMemory if some are not in the guest's memory.
func (file *OpenFile) ReadAt(bytes []byte, offset int64) (int, error) {
	done := 0
	for done < len(bytes) {
		end := done + longestRead
		if end > len(bytes) {
			end = len(bytes)
		}
		piece := bytes[done:end]
		count, _, err := file.read(piece, offset+int64(done), false)
		done += count
		if err != nil {
			return done, err
		}
		if count < len(piece) {
			return done, io.EOF
		}
	}
	return done, nil
}

// ReadKnown reads bytes of the file, at most 16 MiB: gives how many it has there, and the parts of the file among them
// that are not known, which are zeros.
func (file *OpenFile) ReadKnown(bytes []byte, offset int64) (int, []FileRange, error) {
	return file.read(bytes, offset, true)
}

func (file *OpenFile) read(bytes []byte, offset int64, partly bool) (int, []FileRange, error) {
	if len(bytes) == 0 {
		return 0, nil, nil
	}
	file.domain.mutex.Lock()
	defer file.domain.mutex.Unlock()
	file.mutex.RLock()
	defer file.mutex.RUnlock()
	if file.domain.pointer == nil || file.pointer == nil {
		return 0, nil, ErrClosed
	}
	var count C.size_t
	var failure *C.nfm_error_t
	var unknown *C.nfm_file_ranges_t
	var wanted **C.nfm_file_ranges_t
	if partly {
		wanted = &unknown
	}
	result := C.nfm_file_read(file.domain.pointer, file.pointer, C.uint64_t(offset), (*C.uint8_t)(&bytes[0]),
		C.size_t(len(bytes)), &count, wanted, &failure)
	if err := failed(result, failure); err != nil {
		return 0, nil, err
	}
	if !partly {
		return int(count), nil, nil
	}
	return int(count), ranges(unknown), nil
}

// Content returns the parts of the file from its beginning to its end, each with where it is (a Content).
func (file *OpenFile) Content() ([]FileRange, error) {
	file.domain.mutex.Lock()
	defer file.domain.mutex.Unlock()
	file.mutex.RLock()
	defer file.mutex.RUnlock()
	if file.domain.pointer == nil || file.pointer == nil {
		return nil, ErrClosed
	}
	var failure *C.nfm_error_t
	var found *C.nfm_file_ranges_t
	result := C.nfm_file_content(file.domain.pointer, file.pointer, &found, &failure)
	if err := failed(result, failure); err != nil {
		return nil, err
	}
	return ranges(found), nil
}

func ranges(found *C.nfm_file_ranges_t) []FileRange {
	defer C.nfm_file_ranges_free(found)
	var count, stride C.size_t
	first := C.nfm_file_ranges_rows(found, &count, &stride)
	return nested(unsafe.Pointer(first), count, stride, newFileRange)
}

// Stat returns the status of a path in the guest, as a process sees it (0: the first one); of a symbolic link itself
// unless follow is true.
func (domain *Domain) Stat(path string, pid uint32, follow bool) (*FoundFile, error) {
	passed := C.CString(path)
	defer C.free(unsafe.Pointer(passed))
	listing, err := domain.listed(func(out **C.nfm_file_list_t, failure **C.nfm_error_t) C.int {
		return C.nfm_file_stat(domain.pointer, C.uint32_t(pid), passed, C.int(number(follow)), out, failure)
	})
	if err != nil {
		return nil, err
	}
	return &listing.Files[0], nil
}

// ListFiles returns the names in a directory of the guest that its memory holds, each with its status, as a process sees
// it (0: the first one).
func (domain *Domain) ListFiles(path string, pid uint32) (*FileListing, error) {
	passed := C.CString(path)
	defer C.free(unsafe.Pointer(passed))
	return domain.listed(func(out **C.nfm_file_list_t, failure **C.nfm_error_t) C.int {
		return C.nfm_file_list(domain.pointer, C.uint32_t(pid), passed, out, failure)
	})
}

func (domain *Domain) listed(list func(**C.nfm_file_list_t, **C.nfm_error_t) C.int) (*FileListing, error) {
	domain.mutex.Lock()
	defer domain.mutex.Unlock()
	if domain.pointer == nil {
		return nil, ErrClosed
	}
	var found *C.nfm_file_list_t
	var failure *C.nfm_error_t
	result := list(&found, &failure)
	if err := failed(result, failure); err != nil {
		return nil, err
	}
	defer C.nfm_file_list_free(found)
	var count, stride C.size_t
	first := C.nfm_file_list_rows(found, &count, &stride)
	files := nested(unsafe.Pointer(first), count, stride, newFoundFile)
	return &FileListing{Files: files, Complete: C.nfm_file_list_is_complete(found) == 1}, nil
}
