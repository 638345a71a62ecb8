package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Names are identifiers of packages that a library does not use: import path
// to names, where "*" stands for the whole package and "Print*" for all that
// begin so.
type Names map[string][]string

// Uses returns a line "FILE:LINE: NAME" for each use of the names in the
// package's files, tests left out. The builtin functions print and println
// stand under the import path "builtin".
func (n Names) Uses(p Package) ([]string, error) {
	var bad []string
	for _, name := range slices.Concat(p.GoFiles, p.CgoFiles) {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, 0)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", p.ImportPath, err)
		}
		for _, use := range n.inFile(file) {
			bad = append(bad, fmt.Sprintf("%s/%s:%d: %s", p.ImportPath, name, fset.Position(use.Pos()).Line, text(use)))
		}
	}
	return bad, nil
}

func (n Names) inFile(file *ast.File) []ast.Expr {
	var found []ast.Expr
	imports := map[string]string{} // local name to import path
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		local := path[strings.LastIndexByte(path, '/')+1:]
		if spec.Name != nil {
			local = spec.Name.Name
		}
		imports[local] = path
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.SelectorExpr:
			if x, ok := node.X.(*ast.Ident); ok && x.Obj == nil && n.has(imports[x.Name], node.Sel.Name) {
				found = append(found, node)
			}
		case *ast.CallExpr:
			if f, ok := node.Fun.(*ast.Ident); ok && f.Obj == nil && n.has("builtin", f.Name) {
				found = append(found, f)
			}
		}
		return true
	})
	return found
}

func (n Names) has(importPath, name string) bool {
	for _, pattern := range n[importPath] {
		if ok, _ := filepath.Match(pattern, name); ok {
			return true
		}
	}
	return false
}

func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return text(e.X) + "." + e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return "?"
}
