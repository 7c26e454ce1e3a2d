// Porcupine on files of the register format, for benchmarks/linearizability.py --porcupine.
//
//	cd benchmarks/porcupine && go mod init porcupine && go get github.com/anishathalye/porcupine && go build -o driver
//	driver SECONDS FILE...      prints FILE VERDICT SECONDS, the verdict being L, N or ?
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

type in struct {
	kind byte
	a, b int
}
type out struct {
	ok, has bool
	value   int
	unknown bool
}

const none = -1 << 40

func model() porcupine.Model {
	return porcupine.Model{
		Init: func() interface{} { return none },
		Step: func(s, i, o interface{}) (bool, interface{}) {
			st := s.(int)
			inp := i.(in)
			ou := o.(out)
			switch inp.kind {
			case 'r':
				want := none
				if ou.has {
					want = ou.value
				}
				return ou.unknown || !ou.ok || st == want, st
			case 'w':
				if !ou.unknown && !ou.ok {
					return true, st
				}
				return true, inp.a
			}
			if ou.unknown {
				if st == inp.a {
					return true, inp.b
				}
				return true, st
			}
			if ou.ok {
				return st == inp.a, inp.b
			}
			return st != inp.a, st
		},
	}
}

func main() {
	limit, _ := strconv.ParseFloat(os.Args[1], 64)
	for _, f := range os.Args[2:] {
		file, _ := os.Open(f)
		sc := bufio.NewScanner(file)
		var events []porcupine.Event
		open := map[int]int{}
		client := map[int]int{}
		var order []int
		for sc.Scan() {
			t := strings.Fields(sc.Text())
			if len(t) == 0 {
				continue
			}
			n := func(i int) int { v, _ := strconv.Atoi(t[i]); return v }
			id := n(1)
			if t[0] == "c" {
				events = append(events, porcupine.Event{ClientId: n(2), Kind: porcupine.CallEvent, Value: in{t[3][0], n(4), n(5)}, Id: id})
				open[id] = 1
				client[id] = n(2)
				order = append(order, id)
			} else if t[6] == "0" {
				events = append(events, porcupine.Event{ClientId: n(2), Kind: porcupine.ReturnEvent, Value: out{t[3] == "1", t[4] == "1", n(5), false}, Id: id})
				delete(open, id)
			}
		}
		file.Close()
		for _, id := range order {
			if _, there := open[id]; there {
				events = append(events, porcupine.Event{ClientId: client[id], Kind: porcupine.ReturnEvent, Value: out{unknown: true}, Id: id})
			}
		}
		t0 := time.Now()
		res := porcupine.CheckEventsTimeout(model(), events, time.Duration(limit*1e9))
		seconds := time.Since(t0).Seconds()
		v := map[porcupine.CheckResult]string{porcupine.Ok: "L", porcupine.Illegal: "N", porcupine.Unknown: "?"}[res]
		fmt.Printf("%s %s %.6f\n", f, v, seconds)
	}
}
