// Verifies the log in a bundle with Go's own packages for transparency logs: the signatures of the
// checkpoints, that the newest follows all earlier ones, and that every entry here is in the log.
//
//	apt install golang-go golang-golang-x-mod-dev
//	GO111MODULE=off GOPATH=/usr/share/gocode go run tools/log.go .
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type tiles struct{ folder string }

func (t tiles) Height() int                        { return 8 }
func (t tiles) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, one := range wanted {
		path := strings.Replace(one.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(t.folder, path))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	check(err)
	return data
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// checkpoint opens a signed note and reads what it says.
func checkpoint(text []byte, keys note.Verifiers) (string, tlog.Tree) {
	opened, err := note.Open(text, keys)
	check(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return lines[0], tlog.Tree{N: size, Hash: root}
}

func hashes(lines []string) []tlog.Hash {
	var found []tlog.Hash
	for _, line := range lines {
		one, err := tlog.ParseHash(line)
		check(err)
		found = append(found, one)
	}
	return found
}

// whole holds every entry of the tiles against the head.
func whole(folder string, head tlog.Tree) int64 {
	reader := tlog.TileHashReader(head, tiles{folder})
	for start := int64(0); start < head.N; start += 256 {
		width := head.N - start
		if width > 256 {
			width = 256
		}
		tile := tlog.Tile{H: 8, L: 0, N: start / 256, W: int(width)}
		data := read(filepath.Join(folder, strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)))
		for index := start; index < start+width; index++ {
			length := int(data[0])<<8 | int(data[1])
			entry := data[2 : 2+length]
			data = data[2+length:]
			proof, err := tlog.ProveRecord(head.N, index, reader)
			check(err)
			check(tlog.CheckRecord(proof, head.N, head.Hash, index, tlog.RecordHash(entry)))
		}
		if len(data) != 0 {
			log.Fatal(tile.Path(), " has more than its entries")
		}
	}
	return head.N
}

// chosen verifies the proof beside each entry.
func chosen(paths []string, keys note.Verifiers) {
	for _, path := range paths {
		head, rest, _ := strings.Cut(string(read(path)), "\n\n")
		_, tree := checkpoint([]byte(rest), keys)
		lines := strings.Split(head, "\n")
		index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
		check(err)
		entry := read(filepath.Join(filepath.Dir(path), "entry.json"))
		check(tlog.CheckRecord(hashes(lines[2:]), tree.N, tree.Hash, index, tlog.RecordHash(entry)))
	}
}

func main() {
	log.SetFlags(0)
	folder := os.Args[1]
	var known []note.Verifier
	for _, line := range strings.Fields(string(read(filepath.Join(folder, "log.vkeys")))) {
		key, err := note.NewVerifier(line)
		check(err)
		known = append(known, key)
	}
	keys := note.VerifierList(known...)
	origin, head := checkpoint(read(filepath.Join(folder, "checkpoint")), keys)
	fmt.Printf("head of %s: %d entries, signed\n", origin, head.N)
	earlier, _ := filepath.Glob(filepath.Join(folder, "checkpoints", "*"))
	for _, path := range earlier {
		_, tree := checkpoint(read(path), keys)
		proof := hashes(strings.Fields(string(read(filepath.Join(folder, "consistency", filepath.Base(path))))))
		check(tlog.CheckTree(proof, head.N, head.Hash, tree.N, tree.Hash))
	}
	fmt.Printf("it follows %d earlier checkpoints\n", len(earlier))
	if proofs, _ := filepath.Glob(filepath.Join(folder, "messages", "*", "*.tlog-proof")); len(proofs) > 0 {
		chosen(proofs, keys)
		fmt.Printf("%d entries are in the log\n", len(proofs))
	} else {
		fmt.Printf("%d entries are in the log\n", whole(folder, head))
	}
}
