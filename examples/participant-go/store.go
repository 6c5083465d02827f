package main

import (
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
)

// ErrLater: a later owner of the key has been there.
var ErrLater = errors.New("another shard has the key by now")

// Store keeps documents in a folder that all shards share, one file each, and checks tokens: a document remembers the largest that it has seen.
type Store struct{ folder string }

type document struct {
	Value string `json:"value"`
	Token int64  `json:"token"`
}

// Load reads a document. Its token is claimed with that, so that no earlier owner can write any more.
func (s Store) Load(key string, token int64) (string, error) {
	return s.change(key, token, func(d *document) {})
}

// Write replaces a document.
func (s Store) Write(key, value string, token int64) error {
	_, err := s.change(key, token, func(d *document) { d.Value = value })
	return err
}

// Read, check and write are one step: the lock is the file's, and counts for all processes.
func (s Store) change(key string, token int64, change func(*document)) (string, error) {
	file := func(kind string) string { return filepath.Join(s.folder, kind+url.QueryEscape(key)) }
	lock, err := os.OpenFile(file("lock-"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	var d document
	text, err := os.ReadFile(file("document-"))
	if err == nil {
		err = json.Unmarshal(text, &d)
	} else if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return "", err
	}
	if d.Token > token {
		return "", ErrLater
	}
	d.Token = token
	change(&d)
	if text, err = json.Marshal(d); err != nil {
		return "", err
	}
	if err := os.WriteFile(file("new-"), text, 0o600); err != nil {
		return "", err
	}
	return d.Value, os.Rename(file("new-"), file("document-"))
}
