// nfm-ps: the processes of a running guest, seen from its host.
//
//	nfm-ps [-c URI] DOMAIN
//
// The exit status is 0, or the number of nfm's result (nfm.Code).
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"

	"nfm.invalid/go/nfm"
)

// reserved are characters that Unicode keeps for formats to come.
var reserved = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x2065, Hi: 0x2065, Stride: 1}, {Lo: 0xfff0, Hi: 0xfff8, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0xe0000, Hi: 0xe007f, Stride: 1}},
}

// shown is text that cannot steer the terminal: characters that do something else than be seen are \xNN,
// \uNNNN or \UNNNNNNNN.
func shown(text string) string {
	var safe strings.Builder
	for _, letter := range text {
		if !unicode.In(letter, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, reserved) {
			safe.WriteRune(letter)
		} else if letter < 0x100 {
			fmt.Fprintf(&safe, "\\x%02x", letter)
		} else if letter < 0x10000 {
			fmt.Fprintf(&safe, "\\u%04x", letter)
		} else {
			fmt.Fprintf(&safe, "\\U%08x", letter)
		}
	}
	return safe.String()
}

func line(process nfm.Process) string {
	numbers := fmt.Sprintf("%7d %7v %7v %7v ", process.PID, process.PPID, process.UID, process.Threads)
	name := shown(process.Name.String())
	if process.CommandLine.Known && process.CommandLine.Value == "" { // a kernel thread, for one
		return numbers + name
	}
	return numbers + fmt.Sprintf("%-15s %s", name, shown(process.CommandLine.String()))
}

func list(domain, uri string) error {
	ctx := context.Background()
	opened, err := nfm.OpenDomain(ctx, domain, &nfm.OpenOptions{URI: uri})
	if err != nil {
		return err
	}
	defer opened.Close()
	frame, err := opened.Crawl(ctx, &nfm.CrawlOptions{Sections: nfm.SectionProcesses})
	if err != nil {
		return err
	}
	defer frame.Close()
	processes, err := frame.Processes()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintf(out, "%7s %7s %7s %7s %-15s %s\n", "PID", "PPID", "UID", "THREADS", "NAME", "COMMAND")
	for _, process := range processes {
		fmt.Fprintln(out, line(process))
	}
	// A list that is not whole says so.
	problems, err := frame.Problems()
	for _, problem := range problems {
		fmt.Fprintf(os.Stderr, "nfm-ps: %s: %s\n", problem.Section, shown(problem.Reason))
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

func main() {
	uri := ""
	if len(os.Args) == 4 && os.Args[1] == "-c" {
		uri = os.Args[2]
	} else if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: nfm-ps [-c URI] DOMAIN")
		os.Exit(int(nfm.ErrInvalidArgument))
	}
	err := list(os.Args[len(os.Args)-1], uri)
	var failure *nfm.Error
	if errors.As(err, &failure) {
		fmt.Fprintf(os.Stderr, "nfm-ps: %s (%s)\n", shown(failure.Message), failure.Code)
		os.Exit(int(failure.Code))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "nfm-ps: %s\n", shown(err.Error()))
		os.Exit(int(nfm.ErrOther))
	}
}
