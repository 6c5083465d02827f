// Command linearizability judges with porcupine whether each key of a history was one register to its clients.
//
//	linearizability OPERATIONS.jsonl FOLDER SECONDS
//
// It prints its verdict as JSON, and writes a page of porcupine's into FOLDER for each key that was not.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"
)

// operation is a line of the history, as operations.ts writes it.
type operation struct {
	Client   int    `json:"client"`
	Key      string `json:"key"`
	Kind     string `json:"kind"`
	Value    string `json:"value"`
	Revision int64  `json:"revision"`
	Begin    int64  `json:"begin"`
	// End is nil where the operation may take effect at any later time.
	End *int64 `json:"end"`
}

// state is a document: its value, and the revision that it was put at; the zero state is none.
type state struct {
	value    string
	revision int64
}

// verdict is what is printed.
type verdict struct {
	Operations   int       `json:"operations"`
	Linearizable []string  `json:"linearizable"`
	Illegal      []illegal `json:"illegal"`
	Undecided    []string  `json:"undecided"`
}

type illegal struct {
	Key  string `json:"key"`
	Page string `json:"page"`
}

// mostPages bounds what is written of a history in which nothing is right.
const mostPages = 10

// register is the sequential specification: a put takes a revision that is larger than the one before, and a get sees the
// last put.
var register = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(current, input, _ any) (bool, any) {
		before, next := current.(state), input.(operation)
		after := state{next.Value, next.Revision}
		if next.Kind == "put" {
			return after.revision > before.revision, after
		}
		return after == before, before
	},
	DescribeOperation: func(input, _ any) string {
		op := input.(operation)
		return fmt.Sprintf("%s %q @%d", op.Kind, op.Value, op.Revision)
	},
	DescribeState: func(current any) string {
		document := current.(state)
		return fmt.Sprintf("%q @%d", document.value, document.revision)
	},
}

func main() {
	if len(os.Args) != 4 {
		fail(fmt.Errorf("usage: linearizability OPERATIONS.jsonl FOLDER SECONDS"))
	}
	seconds, err := strconv.Atoi(os.Args[3])
	fail(err)
	byKey, count, err := read(os.Args[1])
	fail(err)
	result := judge(byKey, os.Args[2], time.Now().Add(time.Duration(seconds)*time.Second))
	result.Operations = count
	fail(json.NewEncoder(os.Stdout).Encode(result))
}

func judge(byKey map[string][]porcupine.Operation, folder string, deadline time.Time) verdict {
	keys := make([]string, 0, len(byKey))
	for key := range byKey {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	result := verdict{Linearizable: []string{}, Illegal: []illegal{}, Undecided: []string{}}
	for i, key := range keys {
		// What is left of the time is for the keys that are left; porcupine takes 0 for no limit at all.
		left := max(time.Until(deadline)/time.Duration(len(keys)-i), time.Millisecond)
		switch porcupine.CheckOperationsTimeout(register, byKey[key], left) {
		case porcupine.Ok:
			result.Linearizable = append(result.Linearizable, key)
		case porcupine.Unknown:
			result.Undecided = append(result.Undecided, key)
		case porcupine.Illegal:
			page := "(of the first keys alone there are pages)"
			if len(result.Illegal) < mostPages {
				page = filepath.Join(folder, fmt.Sprintf("key-%d.html", i))
				_, info := porcupine.CheckOperationsVerbose(register, byKey[key], left)
				fail(porcupine.VisualizePath(register, info, page))
			}
			result.Illegal = append(result.Illegal, illegal{key, page})
		}
	}
	return result
}

func read(file string) (map[string][]porcupine.Operation, int, error) {
	opened, err := os.Open(file)
	if err != nil {
		return nil, 0, err
	}
	defer opened.Close()
	byKey := map[string][]porcupine.Operation{}
	count := 0
	lines := bufio.NewScanner(opened)
	for ; lines.Scan(); count++ {
		var op operation
		if err := json.Unmarshal(lines.Bytes(), &op); err != nil {
			return nil, 0, fmt.Errorf("%s:%d: %w", file, count+1, err)
		}
		end := int64(math.MaxInt64)
		if op.End != nil {
			end = *op.End
		}
		// Clients count from 0 on a page; the auditor is -1.
		byKey[op.Key] = append(byKey[op.Key], porcupine.Operation{ClientId: op.Client + 1, Input: op, Call: op.Begin, Return: end})
	}
	return byKey, count, lines.Err()
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "linearizability:", err)
		os.Exit(2)
	}
}
