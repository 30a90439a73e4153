package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// reading is what the tools read in an object.
type reading struct {
	// KStatus is what Flux and Helm wait by.
	KStatus status.Status `json:"kstatus"`
	// Health is what Argo CD shows.
	Health *health.HealthStatus `json:"health"`
}

// healthIn reads objects by the health checks in a folder.
func healthIn(folder string) func(*unstructured.Unstructured) (any, error) {
	return func(object *unstructured.Unstructured) (any, error) {
		computed, err := status.Compute(object)
		if err != nil {
			return nil, err
		}
		shown, err := health.GetResourceHealth(object, healthChecks(folder))
		if err != nil {
			return nil, err
		}
		return reading{computed.Status, shown}, nil
	}
}

// healthChecks runs the health check for an object's kind.
type healthChecks string

// Argo CD gives up after that long.
const patience = 30 * time.Second

// GetResourceHealth runs the check as Argo CD (util/lua) runs one from its ConfigMap: with these libraries alone. The part of `os` that Argo CD opens as
// well can't be had here, so that a check that uses it fails.
func (folder healthChecks) GetResourceHealth(object *unstructured.Unstructured) (*health.HealthStatus, error) {
	script, err := os.ReadFile(filepath.Join(string(folder), object.GroupVersionKind().Group, object.GetKind(), "health.lua"))
	if err != nil {
		return nil, err
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return nil, err
		}
	}
	limited, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	state.SetContext(limited)
	state.SetGlobal("obj", luaValue(state, object.Object))
	if err := state.DoString(string(script)); err != nil {
		return nil, err
	}
	answer, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return nil, errors.New("the health check returns no table")
	}
	code, message := answer.RawGetString("status"), answer.RawGetString("message")
	for _, value := range []lua.LValue{code, message} {
		if value.Type() != lua.LTString {
			return nil, fmt.Errorf("the health check returns %s instead of a text", value.Type())
		}
	}
	return &health.HealthStatus{Status: health.HealthStatusCode(code.String()), Message: message.String()}, nil
}

// luaValue is a value of a decoded object as Argo CD gives it to a script: null is nil.
func luaValue(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		table := state.CreateTable(len(value), 0)
		for _, item := range value {
			table.Append(luaValue(state, item))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(value))
		for key, item := range value {
			table.RawSetString(key, luaValue(state, item))
		}
		return table
	}
	return lua.LNil
}
