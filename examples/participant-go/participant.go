package main

// A backend's own part in handoffs: what docs/participant.md asks for. Copy this file into your backend.

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// How long a request waits for what this process is about to be told.
	patience = 2 * time.Second
	pause    = 20 * time.Millisecond
	// What one question takes: escaped as JSON, the names of the keys may be six times as long.
	mostKeys     = 10_000
	mostKeyBytes = 1 << 20
)

// Call is what the agent sends with each step.
type Call struct {
	Agent        string  `json:"agent"`
	Backend      string  `json:"backend"`
	Sequence     int64   `json:"sequence"`
	Version      int64   `json:"version"`
	Token        int64   `json:"token"`
	ServeUntilMs float64 `json:"serveUntilMs"`
	Ask          string  `json:"ask"`
}

// Reply is what it is answered.
type Reply struct {
	Backend string  `json:"backend"`
	Agent   string  `json:"agent"`
	ClockMs float64 `json:"clockMs"`
}

// Refused is the error of a request that this shard does not serve. Stale is the version by which another one does, or 0.
type Refused struct {
	Status int
	Stale  int64
	Text   string
}

func (r *Refused) Error() string { return r.Text }

// Entry is a key that is this shard's own, with what the backend keeps in memory for it.
type Entry struct {
	// Token is shown with every write for the key: a store refuses what an earlier owner writes too late.
	Token int64
	// Serialises work on the key, and guards Value.
	sync.Mutex
	Value  string
	Loaded bool
	// Requests under way, and whether the key leaves: guarded by the Participant.
	busy    int
	leaving bool
}

// Participant knows which keys may be served now. Begin and End enclose every request; Take is told each step of a change.
type Participant struct {
	id      string
	started time.Time
	client  http.Client

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, whenever something below changes
	agent   string
	// Of the last call, and of the last one that was no renewal.
	sequence, step int64
	version, token int64
	untilMs        float64
	ask            string
	entries        map[string]*Entry
}

// NewParticipant is a process that nobody has called yet: it serves nothing.
func NewParticipant() *Participant {
	id := make([]byte, 8)
	if _, err := rand.Read(id); err != nil {
		panic(err)
	}
	return &Participant{
		id:      hex.EncodeToString(id),
		started: time.Now(),
		// A proxy that the environment names is not meant for what is beside it.
		client:  http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
		changed: make(chan struct{}),
		entries: map[string]*Entry{},
	}
}

// The process's own clock: nobody sets it.
func (p *Participant) clockMs() float64 {
	return float64(time.Since(p.started).Nanoseconds())/1e6 + 1
}

// Serves says whether it may still serve, by the clock: to be asked again before a write, and before the answer to a read goes out.
func (p *Participant) Serves() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.serves()
}

func (p *Participant) serves() bool { return p.clockMs() < p.untilMs }

func (p *Participant) notify() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Waits for a change, with the lock given up meanwhile. It says no once the deadline is over.
func (p *Participant) wait(deadline time.Time) bool {
	changed := p.changed
	p.mu.Unlock()
	defer p.mu.Lock()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-changed:
		return true
	case <-timer.C:
		return false
	}
}

// ---- requests -------------------------------------------------------------------------------------------------------

// Begin counts a request as under way. askedBy is the router's version, or 0. The entry is to be given to End.
func (p *Participant) Begin(key string, askedBy int64) (*Entry, error) {
	deadline := time.Now().Add(patience)
	for {
		p.mu.Lock()
		for !p.serves() || askedBy > p.version {
			if !p.wait(deadline) {
				p.mu.Unlock()
				return nil, &Refused{503, 0, "this shard may not serve now"}
			}
		}
		if entry := p.entries[key]; entry != nil && !entry.leaving {
			entry.busy++
			p.mu.Unlock()
			return entry, nil
		}
		ask := p.ask
		p.mu.Unlock()
		lostBy, sequence, err := p.asked(ask, []string{key})
		if err == nil {
			entry, refused := p.enter(key, lostBy[0], sequence)
			if entry != nil || refused != nil {
				return entry, orNil(refused)
			}
		}
		if time.Now().After(deadline) {
			return nil, &Refused{503, 0, "it is not known whose the key is"}
		}
		time.Sleep(pause)
	}
}

func orNil(refused *Refused) error {
	if refused == nil {
		return nil
	}
	return refused
}

// Goes by an answer. Neither an entry nor a refusal: ask again.
func (p *Participant) enter(key string, lostBy, sequence int64) (*Entry, *Refused) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// An answer from before the last call is past.
	if sequence < p.sequence || !p.serves() {
		return nil, nil
	}
	if lostBy > 0 {
		return nil, &Refused{421, lostBy, "the key is another shard's"}
	}
	if lostBy < 0 {
		return nil, &Refused{503, 0, "nobody is known to have the key"}
	}
	entry := p.entries[key]
	if entry == nil {
		entry = &Entry{Token: p.token}
		p.entries[key] = entry
	}
	if entry.leaving {
		return nil, nil
	}
	entry.busy++
	return entry, nil
}

// End is called once the work for a request is done, whether or not its client still waits.
func (p *Participant) End(entry *Entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	entry.busy--
	p.notify()
}

// ---- steps of a change ----------------------------------------------------------------------------------------------

// Take does what the agent asks for. It says no where the call is for another process, of another agent, or overtaken, be it while its work goes on.
func (p *Participant) Take(step string, call Call) (Reply, bool) {
	isFirst := call.Backend == ""
	p.mu.Lock()
	isMeant := isFirst || (call.Backend == p.id && call.Agent == p.agent)
	if !isMeant || (call.Agent == p.agent && call.Sequence <= p.sequence) {
		defer p.mu.Unlock()
		return p.reply(), false
	}
	p.agent, p.sequence, p.ask = call.Agent, call.Sequence, call.Ask
	p.version, p.token, p.untilMs = call.Version, call.Token, call.ServeUntilMs
	if isFirst || step != "serve" {
		p.step = call.Sequence
	}
	p.notify()
	p.mu.Unlock()
	isDone := true
	switch {
	case isFirst:
		isDone = p.drop(call.Sequence, func(*Entry) bool { return true })
	case step == "hold":
		isDone = p.hold(call.Sequence, call.Ask)
	case step == "abort":
		p.stay()
	case step == "drop":
		isDone = p.drop(call.Sequence, func(entry *Entry) bool { return entry.leaving })
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reply(), isDone
}

func (p *Participant) reply() Reply { return Reply{p.id, p.agent, p.clockMs()} }

// What leaves is refused from now on. Returns once none of it is under way; it says no once another step has come.
func (p *Participant) hold(step int64, ask string) bool {
	p.mu.Lock()
	keys := make([]string, 0, len(p.entries))
	for key := range p.entries {
		keys = append(keys, key)
	}
	p.mu.Unlock()
	lost := []string{}
	for len(keys) > 0 {
		part := keys[:page(keys)]
		lostBy, sequence, err := p.asked(ask, part)
		if err != nil || sequence < step {
			time.Sleep(pause)
			if !p.isAt(step) {
				return false
			}
			continue
		}
		for i, key := range part {
			if lostBy[i] != 0 {
				lost = append(lost, key)
			}
		}
		keys = keys[len(part):]
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.step != step {
		return false
	}
	leaving := []*Entry{}
	for _, key := range lost {
		if entry := p.entries[key]; entry != nil {
			entry.leaving = true
			leaving = append(leaving, entry)
		}
	}
	return p.over(leaving, step)
}

// How many of the keys go into one question.
func page(keys []string) int {
	size := 0
	for i, key := range keys {
		size += len(key)
		if i == mostKeys || (i > 0 && size > mostKeyBytes) {
			return i
		}
	}
	return len(keys)
}

// Waits until nothing is under way for these, with the lock given up meanwhile. It says no once another step has come, whose call waits itself.
func (p *Participant) over(entries []*Entry, step int64) bool {
	for isBusy(entries) && p.step == step {
		p.wait(time.Now().Add(patience))
	}
	return p.step == step
}

func (p *Participant) isAt(step int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.step == step
}

func isBusy(entries []*Entry) bool {
	for _, entry := range entries {
		if entry.busy > 0 {
			return true
		}
	}
	return false
}

func (p *Participant) stay() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, entry := range p.entries {
		entry.leaving = false
	}
}

func (p *Participant) drop(step int64, goes func(*Entry) bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	going := []*Entry{}
	for _, entry := range p.entries {
		if goes(entry) {
			entry.leaving = true
			going = append(going, entry)
		}
	}
	if !p.over(going, step) {
		return false
	}
	for key, entry := range p.entries {
		if entry.leaving {
			delete(p.entries, key)
		}
	}
	return true
}

// What the agent says of keys, and of which call it knew then. An error: ask again.
func (p *Participant) asked(ask string, keys []string) (lostBy []int64, sequence int64, err error) {
	question, err := json.Marshal(map[string][]string{"keys": keys})
	if err != nil {
		return nil, 0, err
	}
	response, err := p.client.Post(ask, "application/json", bytes.NewReader(question))
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	var answer struct {
		Sequence int64   `json:"sequence"`
		LostBy   []int64 `json:"lostBy"`
	}
	if response.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("the agent answers %s", response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, 0, err
	}
	if len(answer.LostBy) != len(keys) {
		return nil, 0, fmt.Errorf("the agent answers for %d keys of %d", len(answer.LostBy), len(keys))
	}
	return answer.LostBy, answer.Sequence, nil
}
