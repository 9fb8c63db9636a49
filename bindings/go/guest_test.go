package nfm

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

var all = SectionOS | SectionCpus | SectionMemory | SectionProcesses | SectionFiles | SectionMappings |
	SectionModules | SectionInterfaces | SectionConnections | SectionMounts | SectionLog | SectionHost |
	SectionRoutes | SectionNeighbours

// guest opens the guest that NFM_TEST_DOMAIN names: `make test` runs these tests.
func guest(t *testing.T) *Domain {
	t.Helper()
	name := os.Getenv("NFM_TEST_DOMAIN")
	if name == "" {
		t.Skip("NOT TESTED: NFM_TEST_DOMAIN names no guest; 'make test' starts one")
	}
	domain, err := OpenDomain(context.Background(), name, &OpenOptions{URI: "qemu:///system"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(domain.Close)
	return domain
}

func crawl(t *testing.T, domain *Domain, options *CrawlOptions) *Frame {
	t.Helper()
	frame, err := domain.Crawl(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func TestRowsAreWhatTheJSONHas(t *testing.T) {
	frame := crawl(t, guest(t), &CrawlOptions{Sections: all, Threads: true, Physical: true})
	defer frame.Close()
	text, err := frame.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var held struct {
		Processes []struct {
			PID         uint32
			Name        *string
			CommandLine *string `json:"command_line"`
			Exe         *string
			RSS         *uint64 `json:"rss_bytes"`
			Nice        *int32
		}
		Interfaces []struct {
			Name *string
			IPv4 []string
		}
		Routes []struct {
			Destination *string
			Gateway     *string
			Metric      *uint32
			Flags       []string
		}
		Neighbours []struct {
			Address *string
			MAC     *string
			State   *string
			Flags   []string
		}
		Modules []struct {
			Name   string
			UsedBy []string `json:"used_by"`
		}
		Files, Mappings, Connections, Mounts, Log, CPUs []any
	}
	if err := json.Unmarshal([]byte(text), &held); err != nil {
		t.Fatal(err)
	}
	same := func(what string, read, expected any) {
		t.Helper()
		one, err := json.Marshal(read)
		other, err2 := json.Marshal(expected)
		if err != nil || err2 != nil || string(one) != string(other) {
			t.Errorf("%s: %s instead of %s", what, one, other)
		}
	}
	processes, err := frame.Processes()
	if err != nil || len(processes) != len(held.Processes) || len(processes) < 40 {
		t.Fatalf("%d of %d: %v", len(processes), len(held.Processes), err)
	}
	for index, one := range held.Processes {
		read := processes[index]
		same("pid", read.PID, one.PID)
		same("name", read.Name, one.Name)
		same("command_line", read.CommandLine, one.CommandLine)
		same("exe", read.Exe, one.Exe)
		same("rss_bytes", read.RSSBytes, one.RSS)
		same("nice", read.Nice, one.Nice)
		if threads := read.ThreadList.Or(nil); len(threads) == 0 || threads[0].TID != one.PID {
			t.Errorf("threads of %d: %v", one.PID, threads)
		}
	}
	interfaces, _ := frame.Interfaces()
	for index, one := range held.Interfaces {
		same("interface", interfaces[index].Name, one.Name)
		same("ipv4", interfaces[index].IPv4, one.IPv4)
	}
	modules, _ := frame.Modules()
	for index, one := range held.Modules {
		same("module", modules[index].Name, one.Name)
		same("used_by", modules[index].UsedBy, one.UsedBy)
	}
	routes, err := frame.Routes()
	if err != nil || len(routes) != len(held.Routes) || len(routes) < 100 {
		t.Fatalf("%d of %d routes: %v", len(routes), len(held.Routes), err)
	}
	for index, one := range held.Routes {
		same("destination", routes[index].Destination, one.Destination)
		same("gateway", routes[index].Gateway, one.Gateway)
		same("metric", routes[index].Metric, one.Metric)
		same("flags", routes[index].Flags, one.Flags)
	}
	neighbours, err := frame.Neighbours()
	if err != nil || len(neighbours) != len(held.Neighbours) || len(neighbours) < 20 {
		t.Fatalf("%d of %d neighbours: %v", len(neighbours), len(held.Neighbours), err)
	}
	for index, one := range held.Neighbours {
		same("address", neighbours[index].Address, one.Address)
		same("mac", neighbours[index].MAC, one.MAC)
		same("state", neighbours[index].State, one.State)
		same("flags", neighbours[index].Flags, one.Flags)
	}
	files, _ := frame.Files()
	mappings, _ := frame.Mappings()
	connections, _ := frame.Connections()
	mounts, _ := frame.Mounts()
	log, _ := frame.Log()
	cpus, _ := frame.Cpus()
	same("rows", []int{len(files), len(mappings), len(connections), len(mounts), len(log), len(cpus)},
		[]int{len(held.Files), len(held.Mappings), len(held.Connections), len(held.Mounts), len(held.Log),
			len(held.CPUs)})
	if system, err := frame.OS(); err != nil || system.Sysname.Or("") != "Linux" || !system.Load.Known {
		t.Errorf("%+v, %v", system, err)
	}
	if info, err := frame.Info(); err != nil || !info.Complete || info.Sections != uint64(all) {
		t.Errorf("%+v, %v", info, err)
	}
	if problems, err := frame.Problems(); err != nil || len(problems) != 0 {
		t.Errorf("%+v, %v", problems, err)
	}
}

func TestNamesThatAreNotText(t *testing.T) {
	frame := crawl(t, guest(t), &CrawlOptions{Sections: SectionProcesses})
	defer frame.Close()
	processes, err := frame.Processes()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, process := range processes {
		names[process.Name.Or("")] = true
	}
	for _, name := range []string{"new\nline\ufffd\\n", "na\u00efve \u221e"} {
		if !names[name] {
			t.Errorf("no %q in %v", name, names)
		}
	}
	if _, err := frame.Files(); err != ErrNoSection {
		t.Errorf("%v", err)
	}
}

func TestFramesOutliveTheDomain(t *testing.T) {
	domain := guest(t)
	frame := crawl(t, domain, &CrawlOptions{Sections: SectionOS})
	domain.Close()
	domain.Close()
	if _, err := domain.Crawl(context.Background(), nil); err != ErrClosed {
		t.Errorf("%v", err)
	}
	system, err := frame.OS()
	frame.Close()
	frame.Close()
	if err != nil || system.Sysname.Or("") != "Linux" {
		t.Errorf("%+v, %v", system, err)
	}
	if _, err := frame.OS(); err != ErrClosed {
		t.Errorf("%v", err)
	}
}

func TestTimeLimitIsTold(t *testing.T) {
	frame := crawl(t, guest(t), &CrawlOptions{Sections: all, TimeLimit: time.Nanosecond})
	defer frame.Close()
	if problems, err := frame.Problems(); err != nil || len(problems) == 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestContextCancels(t *testing.T) {
	domain := guest(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for pages := uint64(0); pages < 100; _, pages = domain.Progress() {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		frame, err := domain.Crawl(ctx, &CrawlOptions{Sections: all, Physical: true})
		if err != nil {
			if !errors.Is(err, ErrCancelled) || !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			// The next call is another.
			crawl(t, domain, &CrawlOptions{Sections: SectionOS}).Close()
			return
		}
		frame.Close()
	}
	t.Error("it was not cancelled")
}

func TestGoroutinesShareADomain(t *testing.T) {
	domain := guest(t)
	var group sync.WaitGroup
	var seqs sync.Map
	for worker := 0; worker < 4; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for try := 0; try < 5; try++ {
				frame, err := domain.Crawl(context.Background(), &CrawlOptions{Sections: SectionOS})
				if err != nil {
					t.Error(err)
					return
				}
				info, _ := frame.Info()
				if _, twice := seqs.LoadOrStore(info.Seq, true); twice {
					t.Errorf("two frames have the number %d", info.Seq)
				}
				frame.Close()
			}
		}()
	}
	group.Wait()
}

func TestForgottenFramesAreFreed(t *testing.T) {
	domain := guest(t)
	memory := func() int {
		runtime.GC()
		time.Sleep(20 * time.Millisecond)
		text, err := os.ReadFile("/proc/self/smaps_rollup")
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, "Rss:") {
				kib := 0
				for _, digit := range strings.Trim(line, "Rss: kB") {
					kib = kib*10 + int(digit-'0')
				}
				return kib
			}
		}
		t.Fatal("no Rss")
		return 0
	}
	options := &CrawlOptions{Sections: SectionProcesses | SectionFiles}
	forget := func(frames int) {
		for try := 0; try < frames; try++ {
			if _, err := crawl(t, domain, options).JSON(); err != nil {
				t.Fatal(err)
			}
			runtime.GC()
		}
	}
	forget(10)
	before := memory()
	forget(30)
	// A frame with its JSON is some 200 KiB.
	if grown := memory() - before; grown > 3<<10 {
		t.Errorf("%d KiB more", grown)
	}
}

func TestMessagesAreTold(t *testing.T) {
	var mutex sync.Mutex
	var targets []string
	err := SetLog(LogLevelDebug, func(_ LogLevel, target, message string) {
		mutex.Lock()
		defer mutex.Unlock()
		targets = append(targets, target)
	})
	if err != nil {
		t.Fatal(err)
	}
	guest(t)
	if err := SetLog(LogLevelOff, nil); err != nil {
		t.Fatal(err)
	}
	if len(targets) == 0 || !strings.HasPrefix(targets[0], "nfm") {
		t.Errorf("%v", targets)
	}
}

func TestDiff(t *testing.T) {
	domain := guest(t)
	options := &CrawlOptions{
		Sections: SectionOS | SectionCpus | SectionProcesses | SectionInterfaces | SectionConnections,
	}
	earlier := crawl(t, domain, options)
	time.Sleep(300 * time.Millisecond)
	later := crawl(t, domain, options)
	diff, err := NewDiff(earlier, later)
	if err != nil {
		t.Fatal(err)
	}
	earlier.Close()
	later.Close()
	defer diff.Close()
	info, err := diff.Info()
	if err != nil || Boot(info.Boot) != BootSame || info.ElapsedNS.Value < 200_000_000 {
		t.Fatal(info, err)
	}
	processes, err := diff.Processes()
	if err != nil {
		t.Fatal(err)
	}
	stayed := 0
	for _, one := range processes {
		if Change(one.Change) != ChangeStayed {
			continue
		}
		stayed++
		before, after := one.Earlier.Value, one.Later.Value
		used := after.UserNS.Value + after.SystemNS.Value - before.UserNS.Value - before.SystemNS.Value
		if one.CPUNS.Known && one.CPUNS.Value != used {
			t.Error(one.Later.Value.PID, one.CPUNS, used)
		}
	}
	if stayed < 40 {
		t.Error(stayed)
	}
	interfaces, err := diff.Interfaces()
	if err != nil || len(interfaces) < 3 {
		t.Error(interfaces, err)
	}
	if cpus, err := diff.Cpus(); err != nil || !cpus[0].BusyNS.Known {
		t.Error(cpus, err)
	}
	if connections, err := diff.Connections(); err != nil || len(connections) < 5 {
		t.Error(connections, err)
	}
	diff.Close()
	if _, err := diff.Processes(); err != ErrClosed {
		t.Error(err)
	}
}

func TestWatch(t *testing.T) {
	name := os.Getenv("NFM_TEST_DOMAIN")
	guest(t).Close()
	fleet, err := Watch(&FleetOptions{
		Open:    &OpenOptions{URI: "qemu:///system"},
		Crawl:   &CrawlOptions{Sections: SectionOS},
		Domains: []string{name},
		Period:  100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer fleet.Close()
	for seq := uint64(0); seq <= 3; seq++ {
		event, err := fleet.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if event.Name != name || (seq == 0) != (event.Kind == EventKindNew) {
			t.Fatal(event)
		}
		if seq > 0 {
			info, err := event.Frame.Info()
			if err != nil || info.Seq != seq || (event.Before == nil) != (seq == 1) {
				t.Fatal(info, event.Before, err)
			}
		}
		event.Close()
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := fleet.Next(ended); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	fleet.Close()
	if _, err := fleet.Next(context.Background()); err != ErrClosed {
		t.Error(err)
	}
}

func TestFiles(t *testing.T) {
	domain := guest(t)
	listing, err := domain.ListFiles("/srv/www", 0)
	if err != nil || !listing.Complete || len(listing.Files) != 1 || listing.Files[0].Path != "data.txt" {
		t.Fatal(listing, err)
	}
	if size := listing.Files[0].Size.Or(0); size != 88000 {
		t.Error(size)
	}
	link, err := domain.Stat("/bin/sh", 1, false)
	if err != nil {
		t.Fatal(err)
	}
	if target := link.Target.Or(""); target != "busybox" {
		t.Error(target)
	}
	file, err := domain.OpenFile("/srv/www/data.txt", 0)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(io.NewSectionReader(file, 0, 1<<20))
	if err != nil || len(content) != 88000 || !strings.HasPrefix(string(content), "line 0001 of a file") {
		t.Fatal(len(content), err)
	}
	part := make([]byte, 100)
	count, unknown, err := file.ReadKnown(part, 87990)
	if err != nil || count != 10 || len(unknown) != 0 || string(part[:10]) != string(content[87990:]) {
		t.Error(count, unknown, err)
	}
	ranges, err := file.Content()
	if err != nil || len(ranges) != 1 || ranges[0].Length != 88000 || Content(ranges[0].Content) != ContentDirty {
		t.Error(ranges, err)
	}
	file.Close()
	if _, err := file.ReadAt(part, 0); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	// A name that is no UTF-8.
	const latin = "na\xefve"
	listing, err = domain.ListFiles("/root", 0)
	found := false
	for _, one := range listing.Files {
		found = found || one.Path == latin
	}
	if err != nil || !found {
		t.Error(listing, err)
	}
	if file, err := domain.OpenFile("/root/"+latin, 0); err != nil {
		t.Error(err)
	} else {
		file.Close()
	}
	if _, err := domain.OpenFile("/srv/nothing", 0); !errors.Is(err, ErrFile) {
		t.Error(err)
	}
	if _, err := domain.OpenFile("/proc/uptime", 0); !errors.Is(err, ErrNotInMemory) {
		t.Error(err)
	}
	if _, err := domain.OpenDescriptor(1, 9999); !errors.Is(err, ErrFile) {
		t.Error(err)
	}
}

func TestByProcess(t *testing.T) {
	name := os.Getenv("NFM_TEST_DOMAIN")
	guest(t).Close()
	processes, err := ListProcesses()
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range processes {
		if process.Name != name {
			continue
		}
		domain, err := OpenPID(context.Background(), process.PID.Value, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer domain.Close()
		info, err := crawl(t, domain, &CrawlOptions{Sections: SectionOS}).Info()
		if err != nil || info.DomainName != name || info.DomainUUID != process.UUID {
			t.Error(info, err)
		}
		return
	}
	t.Errorf("%s is not among %v", name, processes)
}
