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
	if _, err := readBodies(&file, 0, 2); err == nil || !strings.Contains(err.Error(), "more than 2") {
		t.Errorf("error is %v", err)
	}
}
