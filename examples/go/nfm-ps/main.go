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

	"nfm"
)

// hidden are characters that turn writing around or cannot be seen.
var hidden = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x200b, Hi: 0x200f, Stride: 1},
	{Lo: 0x2028, Hi: 0x202e, Stride: 1},
	{Lo: 0x2060, Hi: 0x206f, Stride: 1},
	{Lo: 0xfeff, Hi: 0xfeff, Stride: 1},
}}

// shown is text that cannot steer the terminal: control characters as \xNN, hidden ones as \uNNNN.
func shown(text string) string {
	var safe strings.Builder
	for _, letter := range text {
		if unicode.IsControl(letter) {
			fmt.Fprintf(&safe, "\\x%02x", letter)
		} else if unicode.Is(hidden, letter) {
			fmt.Fprintf(&safe, "\\u%04x", letter)
		} else {
			safe.WriteRune(letter)
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
	opened, err := nfm.Open(ctx, domain, &nfm.OpenOptions{URI: uri})
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
		fmt.Fprintf(os.Stderr, "nfm-ps: %s: %s\n", problem.Section, problem.Reason)
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
		fmt.Fprintf(os.Stderr, "nfm-ps: %s (%s)\n", failure.Message, failure.Code)
		os.Exit(int(failure.Code))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "nfm-ps: %s\n", err)
		os.Exit(int(nfm.ErrOther))
	}
}
