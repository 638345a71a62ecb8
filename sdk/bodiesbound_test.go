package sdk

import (
	"bytes"
	"strings"
	"testing"
)

func TestReadBodiesIsBounded(t *testing.T) {
	var file bytes.Buffer
	if err := WriteBodies(&file, make([]Body, 3)); err != nil {
		t.Fatal(err)
	}
	list, err := readBodies(bytes.NewReader(file.Bytes()), 0, 3)
	if err != nil || len(list) != 3 {
		t.Errorf("%d bodies, error %v", len(list), err)
	}
	for _, size := range []int64{-1 << 62, -1, 1, 1 << 62} { // it is a hint
		if list, err := ReadBodies(bytes.NewReader(file.Bytes()), size); err != nil || len(list) != 3 || cap(list) > firstBodies {
			t.Errorf("said to have %d bytes: %d bodies, error %v", size, len(list), err)
		}
	}
	if _, err := readBodies(&file, 0, 2); err == nil || !strings.Contains(err.Error(), "more than 2") {
		t.Errorf("error is %v", err)
	}
}
