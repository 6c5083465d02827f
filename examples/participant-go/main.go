// Documents over HTTP, in a folder that all shards share: a backend that takes part in handoffs by itself (README.md says how to run it).
//
//	PUT    /docs/KEY          write a document
//	GET    /docs/KEY          read it
//
// What the agent calls (see participant.go) has a port of its own, on loopback: clients of the router must not reach it.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const mostBytes = 1 << 20

type server struct {
	participant *Participant
	store       Store
	work        time.Duration
	served      *record
}

func main() {
	port := flag.Int("port", 0, "where to listen for requests, on loopback")
	agentPort := flag.Int("agent-port", 0, "where to listen for the agent, on loopback")
	data := flag.String("data", "docs", "the folder of documents")
	logged := flag.String("log", "", "a file that what was served is written to")
	work := flag.Duration("work", 0, "what each request takes besides")
	flag.Parse()
	if err := os.MkdirAll(*data, 0o700); err != nil {
		log.Fatal(err)
	}
	served, err := newRecord(*logged)
	if err != nil {
		log.Fatal(err)
	}
	s := &server{NewParticipant(), Store{*data}, *work, served}
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	http.HandleFunc("/docs/", s.document)
	agent := http.Server{Addr: fmt.Sprintf("127.0.0.1:%d", *agentPort), Handler: http.HandlerFunc(s.step)}
	go func() { log.Fatal(agent.ListenAndServe()) }()
	log.Fatal(http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", *port), nil))
}

func (s *server) step(w http.ResponseWriter, r *http.Request) {
	var call Call
	if err := json.NewDecoder(io.LimitReader(r.Body, mostBytes)).Decode(&call); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	reply, isTaken := s.participant.Take(strings.TrimPrefix(r.URL.Path, "/"), call)
	w.Header().Set("content-type", "application/json")
	if !isTaken {
		w.WriteHeader(http.StatusConflict)
	}
	json.NewEncoder(w).Encode(reply)
}

// The key by which the router has routed a request.
func routedKey(r *http.Request) string {
	if named := r.Header.Get("x-keyway-key"); named != "" {
		if key, err := url.PathUnescape(named); err == nil {
			return key
		}
	}
	return r.Header.Get("x-shard-key")
}

func (s *server) document(w http.ResponseWriter, r *http.Request) {
	key := routedKey(r)
	if strings.TrimPrefix(r.URL.Path, "/docs/") != key {
		http.Error(w, "there is /docs/KEY, where KEY is the shard key", http.StatusBadRequest)
		return
	}
	content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBytes))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	askedBy, _ := strconv.ParseInt(r.Header.Get("x-keyway-version"), 10, 64)
	value, err := s.serve(r.Method, key, askedBy, string(content))
	var refused *Refused
	switch {
	case errors.As(err, &refused):
		if refused.Stale > 0 {
			w.Header().Set("x-keyway-stale", strconv.FormatInt(refused.Stale, 10))
		}
		http.Error(w, refused.Text, refused.Status)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case r.Method == http.MethodPut:
		fmt.Fprintln(w, "written")
	default:
		io.WriteString(w, value)
	}
}

// Carries a request out, between Begin and End.
func (s *server) serve(method, key string, askedBy int64, content string) (string, error) {
	entry, err := s.participant.Begin(key, askedBy)
	if err != nil {
		return "", err
	}
	defer s.participant.End(entry)
	begun := time.Now()
	time.Sleep(s.work)
	entry.Lock()
	defer entry.Unlock()
	if !entry.Loaded {
		if entry.Value, err = s.store.Load(key, entry.Token); err != nil {
			return "", later(err)
		}
		entry.Loaded = true
	}
	if !s.participant.Serves() {
		return "", &Refused{503, 0, "this shard may not serve now"}
	}
	if method == http.MethodPut {
		if err := s.store.Write(key, content, entry.Token); err != nil {
			return "", later(err)
		}
		entry.Value = content
	}
	s.served.add(method, key, begun, entry.Value)
	return entry.Value, nil
}

func later(err error) error {
	if errors.Is(err, ErrLater) {
		return &Refused{503, 0, err.Error()}
	}
	return err
}

// What was served, and when, for whoever wants to check it.
type record struct {
	mu   sync.Mutex
	file *os.File
}

func newRecord(name string) (*record, error) {
	if name == "" {
		return &record{}, nil
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	return &record{file: file}, err
}

func (r *record) add(method, key string, begun time.Time, value string) {
	if r.file == nil {
		return
	}
	seconds := func(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }
	operation := strings.ToLower(method)
	line, err := json.Marshal(map[string]any{
		"key": key, "operation": operation, "begun": seconds(begun), "ended": seconds(time.Now()), "value": value,
	})
	if err != nil {
		log.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.file.Write(append(line, '\n'))
}
