// What GitOps tools make of objects, by the code of these tools.
//
//	gitops health FOLDER          reads objects, one a line of JSON, and answers each with a line: its status by kstatus, and its health in Argo CD.
//	                              FOLDER has the health checks as Argo CD's repository has them, GROUP/KIND/health.lua
//	gitops apply [--server-side]  applies objects, one a line, as Argo CD's sync does
//	gitops diff                   answers each object, one a line, with a line: whether Argo CD finds it different from what is in the cluster, in each of
//	                              the ways in which it can be told to compare
//
// The cluster is the one that KUBECONFIG names.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gitops:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 2 && arguments[0] == "health":
		return answerEach(healthIn(arguments[1]))
	case slices.Equal(arguments, []string{"apply"}), slices.Equal(arguments, []string{"apply", "--server-side"}):
		apply, close, err := applier(len(arguments) == 2)
		if err != nil {
			return err
		}
		defer close()
		return answerEach(apply)
	case slices.Equal(arguments, []string{"diff"}):
		compare, close, err := comparer()
		if err != nil {
			return err
		}
		defer close()
		return answerEach(compare)
	}
	return fmt.Errorf("wrong usage: give health FOLDER, apply [--server-side], or diff")
}

// answerEach reads objects until there are no more, and answers each before it reads the next.
func answerEach(answer func(*unstructured.Unstructured) (any, error)) error {
	lines, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil && err != io.EOF {
			return err
		}
		object := &unstructured.Unstructured{}
		// Numbers as Kubernetes' clients decode them: those without a fraction are int64.
		if err := object.UnmarshalJSON(line); err != nil {
			return err
		}
		said, err := answer(object)
		if err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		if err := out.Encode(said); err != nil {
			return err
		}
	}
}
