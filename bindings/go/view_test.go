package nfm

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
	"unsafe"
)

func TestViewsAreWhatTheRowsHave(t *testing.T) {
	frame := crawl(t, guest(t), &CrawlOptions{Sections: SectionProcesses | SectionModules, Threads: true})
	defer frame.Close()
	processes, err := frame.Processes()
	if err != nil {
		t.Fatal(err)
	}
	index := 0
	err = frame.EachProcess(func(view ProcessView) bool {
		row := processes[index]
		index++
		same := view.PID() == row.PID && view.RSSBytes() == row.RSSBytes && view.State() == row.State &&
			view.Name().String() == row.Name.String() && view.Exe().String() == row.Exe.String()
		if name, ok := row.Name.Value, row.Name.Known; ok && !view.Name().Value.Is(name) {
			same = false
		}
		threads, known := view.ThreadList().Value, row.ThreadList.Value
		if len(known) == 0 || threads.Len() != len(known) {
			same = false
		}
		for at, thread := range known {
			same = same && threads.At(at).TID() == thread.TID
		}
		if !same {
			t.Errorf("%+v is not %+v", view, row)
		}
		return true
	})
	if err != nil || index != len(processes) || index < 40 {
		t.Errorf("%d of %d: %v", index, len(processes), err)
	}
	modules, _ := frame.Modules()
	index = 0
	err = frame.EachModule(func(view ModuleView) bool {
		users := []string{}
		for at := 0; at < view.UsedBy().Value.Len(); at++ {
			users = append(users, view.UsedBy().Value.At(at).String())
		}
		if row := modules[index]; fmt.Sprint(users) != fmt.Sprint(row.UsedBy.Or(nil)) {
			t.Errorf("%v uses %v, not %v", users, row.Name, row.UsedBy)
		}
		index++
		return index < 2
	})
	if err != nil || index != 2 {
		t.Errorf("%d modules: %v", index, err)
	}
	if err := frame.EachFile(func(FileView) bool { return true }); err != ErrNoSection {
		t.Errorf("%v", err)
	}
}

func TestViewsAllocateNothing(t *testing.T) {
	frame := crawl(t, guest(t), &CrawlOptions{Sections: SectionProcesses, Threads: true})
	defer frame.Close()
	var memory, found, threads uint64
	walk := func() {
		err := frame.EachProcess(func(process ProcessView) bool {
			memory += process.RSSBytes().Or(0)
			if process.Name().Value.Is("init") {
				found++
			}
			list := process.ThreadList().Value
			for index := 0; index < list.Len(); index++ {
				threads += uint64(len(list.At(index).Name().Value.Bytes()))
			}
			return true
		})
		if err != nil {
			t.Error(err)
		}
	}
	if made := testing.AllocsPerRun(100, walk); made != 0 {
		t.Errorf("%v allocations a walk", made)
	}
	if memory == 0 || found == 0 || threads == 0 {
		t.Errorf("%d bytes, %d init, %d bytes of names", memory, found, threads)
	}
}

func TestColumnsForArrow(t *testing.T) {
	// The structures that Arrow defines, as an importer has them.
	var schema struct {
		format, name, metadata                unsafe.Pointer
		flags, children                       int64
		list, dictionary, release, privateOne unsafe.Pointer
	}
	var array struct {
		length, nulls, offset, buffers, children  int64
		bytes, list, dictionary, release, private unsafe.Pointer
	}
	frame := crawl(t, guest(t), &CrawlOptions{Sections: SectionProcesses})
	defer frame.Close()
	to, values := unsafe.Pointer(&schema), unsafe.Pointer(&array)
	if err := frame.ExportArrow(SectionProcesses, to, values); err != nil {
		t.Fatal(err)
	}
	processes, _ := frame.Processes()
	members, _ := SectionMembers("processes")
	columns := 0
	for _, member := range members {
		if member.RowsOf == "" {
			columns++
		}
	}
	if array.length != int64(len(processes)) || array.children != int64(columns) || schema.children != array.children {
		t.Errorf("%+v %+v", schema, array)
	}
	ReleaseArrow(to, values)
	if schema.release != nil || array.release != nil {
		t.Error("they are not released")
	}
	ReleaseArrow(to, values)
	if err := frame.ExportArrow(SectionFiles, to, values); err == nil {
		t.Error("it has no files")
	}
}

func TestProcessesAreFollowed(t *testing.T) {
	name := os.Getenv("NFM_TEST_DOMAIN")
	guest(t).Close()
	processes, err := ListProcesses()
	if err != nil {
		t.Fatal(err)
	}
	uuid := ""
	for _, one := range processes {
		if one.Name == name {
			uuid = fmt.Sprintf("qemu:%d", one.PID.Value)
		}
	}
	told := make(chan string, 10000)
	fleet, err := Watch(&FleetOptions{
		Domains:   []string{name},
		Period:    100 * time.Millisecond,
		Crawl:     &CrawlOptions{Sections: SectionOS},
		Open:      &OpenOptions{LogLevel: LogLevelDebug, Log: func(_ LogLevel, _, message string) { told <- message }},
		Processes: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer fleet.Close()
	for frames := 0; frames < 2; {
		event, err := fleet.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if event.UUID != uuid {
			t.Errorf("%q is not %q", event.UUID, uuid)
		}
		if event.Frame != nil {
			frames++
		}
		event.Close()
	}
	if len(told) == 0 {
		t.Error("its log was told nothing")
	}
}
