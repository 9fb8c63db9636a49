package nfm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// libvirt's own driver for tests has a domain and no guest.
var test = &OpenOptions{URI: "test:///default"}

func TestOneVersion(t *testing.T) {
	if Version() != HeaderVersion {
		t.Errorf("the library is of %s, the header of %s", Version(), HeaderVersion)
	}
}

func TestFeatures(t *testing.T) {
	features := strings.Join(Features(), " ")
	for _, feature := range []string{"section-processes", "qemu"} {
		if !strings.Contains(features, feature) {
			t.Errorf("no %s in %s", feature, features)
		}
	}
}

func TestSectionMembers(t *testing.T) {
	members, err := SectionMembers("processes")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]Member{}
	for _, member := range members {
		found[member.RowsOf+"."+member.Name] = member
	}
	user, thread, pid := found[".user_ns"], found["thread_list.cpu_ns"], found[".pid"]
	if user.Unit != "ns" || Kind(user.Kind) != KindCounter || user.Size != 8 || user.KnownBit == 0 {
		t.Errorf("%#v", user)
	}
	if Kind(thread.Kind) != KindCounter || MemberType(thread.ValueType) != MemberTypeUnsigned {
		t.Errorf("%#v", thread)
	}
	if pid.KnownBit != 0 || Kind(pid.Kind) != KindLabel || pid.Doc != "Process id." {
		t.Errorf("%#v", pid)
	}
	if none, err := SectionMembers("integrity"); err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
	for _, wrong := range []string{"processe", "", "os\x00"} {
		if _, err := SectionMembers(wrong); !errors.Is(err, ErrInvalidArgument) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestNoSuchDomain(t *testing.T) {
	domain, err := OpenDomain(context.Background(), "nope", test)
	if domain != nil || !errors.Is(err, ErrNoSuchDomain) || errors.Is(err, ErrConnect) {
		t.Fatalf("%v, %v", domain, err)
	}
	var failure *Error
	if !errors.As(err, &failure) || failure.Code.String() != "NFM_ERR_NO_SUCH_DOMAIN" {
		t.Fatalf("%#v", err)
	}
	if !strings.Contains(failure.Message, "there is no domain 'nope'") || failure.Address.Known {
		t.Errorf("%#v", failure)
	}
}

func TestErrorsOfOpening(t *testing.T) {
	for _, one := range []struct {
		name, uri string
		code      Code
	}{
		{"test", "test:///default", ErrUnsupported},
		{"test", "nosuchdriver:///", ErrConnect},
		{"a\x00b", "test:///default", ErrInvalidArgument},
		{"test", "test:///\x00", ErrInvalidArgument},
		{"\xff", "test:///default", ErrInvalidArgument},
	} {
		_, err := OpenDomain(context.Background(), one.name, &OpenOptions{URI: one.uri})
		if !errors.Is(err, one.code) {
			t.Errorf("%q at %q: %v instead of %v", one.name, one.uri, err, one.code)
		}
	}
}

func TestCancelledBeforeItBegins(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := OpenDomain(ctx, "test", test)
	if !errors.Is(err, ErrCancelled) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestClosedDomain(t *testing.T) {
	domain := &Domain{}
	domain.Close()
	if _, err := domain.Crawl(context.Background(), nil); err != ErrClosed {
		t.Errorf("%v", err)
	}
	if section, pages := domain.Progress(); section != 0 || pages != 0 {
		t.Errorf("%v, %v", section, pages)
	}
	limit := &CrawlOptions{TimeLimit: -time.Second}
	if _, err := domain.Crawl(context.Background(), limit); !errors.Is(err, ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
}

func TestClosedFrame(t *testing.T) {
	frame := &Frame{}
	frame.Close()
	if _, err := frame.Processes(); err != ErrClosed {
		t.Errorf("%v", err)
	}
	if _, err := frame.OS(); err != ErrClosed {
		t.Errorf("%v", err)
	}
	if _, err := frame.JSON(); err != ErrClosed {
		t.Errorf("%v", err)
	}
}

func TestList(t *testing.T) {
	domains, err := ListDomains(&ListOptions{URI: test.URI})
	if err != nil || len(domains) != 1 {
		t.Fatalf("%v, %v", domains, err)
	}
	if one := domains[0]; one.Name != "test" || one.State != "running" || one.ID.Or(0) != 1 {
		t.Errorf("%+v", one)
	}
	_, err = ListDomains(&ListOptions{URI: "nosuchdriver:///"})
	var failure *Error
	if !errors.As(err, &failure) || failure.Code != ErrConnect || failure.Retry != RetryLater {
		t.Errorf("%#v", err)
	}
}

func TestValuesThatAreNotKnown(t *testing.T) {
	unknown, known := Opt[uint32]{}, Some(uint32(0))
	shown := fmt.Sprintf("%3v|%3v|%v|%v", unknown, known, unknown.Or(7), known.Or(7))
	if shown != "  ?|  0|7|0" {
		t.Error(shown)
	}
	text, err := json.Marshal(struct{ A, B Opt[uint32] }{unknown, known})
	if err != nil || string(text) != `{"A":null,"B":0}` {
		t.Errorf("%s, %v", text, err)
	}
}

func TestLogLevelThatIsNone(t *testing.T) {
	nothing := func(LogLevel, string, string) {}
	if err := SetLog(77, nothing); !errors.Is(err, ErrInvalidArgument) {
		t.Errorf("%v", err)
	}
}

func TestWatchTellsOfFailures(t *testing.T) {
	fleet, err := Watch(&FleetOptions{Open: &OpenOptions{URI: "test:///default"}, Domains: []string{"t*"}})
	if err != nil {
		t.Fatal(err)
	}
	defer fleet.Close()
	event, err := fleet.Next(context.Background())
	if err != nil || event.Kind != EventKindFailed || !errors.Is(event.Err, ErrUnsupported) {
		t.Fatal(event, err)
	}
	if event.Name != "test" || event.RetryAfter != time.Minute || event.Repeated || event.Frame != nil {
		t.Error(event)
	}
	if _, err := Watch(&FleetOptions{Open: &OpenOptions{URI: "nonsense:///"}}); !errors.Is(err, ErrConnect) {
		t.Error(err)
	}
	_, err = OpenVirDomain(context.Background(), nil, nil)
	if !errors.Is(err, ErrInvalidArgument) {
		t.Error(err)
	}
}
