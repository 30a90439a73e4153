package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
)

// Argo CD writes fields under this name.
const manager = "argocd-controller"

func cluster() (*rest.Config, *kube.KubectlCmd, error) {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return nil, nil, err
	}
	// No pauses between requests: nobody else is on this API server.
	config.QPS, config.Burst = 1000, 1000
	return config, &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}, nil
}

// applier applies objects as a sync does.
func applier(serverSide bool) (func(*unstructured.Unstructured) (any, error), func(), error) {
	config, kubectl, err := cluster()
	if err != nil {
		return nil, nil, err
	}
	operations, close, err := kubectl.ManageResources(config)
	if err != nil {
		return nil, nil, err
	}
	return func(object *unstructured.Unstructured) (any, error) {
		return operations.ApplyResource(context.Background(), object, cmdutil.DryRunNone, false, true, serverSide, manager)
	}, close, nil
}

// comparer compares objects with those in the cluster: with what was applied last, by a merge as the API server makes it, and by asking the API server
// itself. Nothing is left out of the comparison.
func comparer() (func(*unstructured.Unstructured) (any, error), func(), error) {
	config, kubectl, err := cluster()
	if err != nil {
		return nil, nil, err
	}
	_, parser, err := kubectl.LoadOpenAPISchema(config)
	if err != nil {
		return nil, nil, err
	}
	dryRuns, close, err := kubectl.ManageServerSideDiffDryRuns(config)
	if err != nil {
		return nil, nil, err
	}
	common := []diff.Option{diff.WithLogr(logr.Discard()), diff.WithGVKParser(parser), diff.WithManager(manager)}
	ways := map[string][]diff.Option{
		"three-way":        nil,
		"structured merge": {diff.WithStructuredMergeDiff(true)},
		"server-side":      {diff.WithServerSideDiff(true), diff.WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(dryRuns))},
	}
	return func(object *unstructured.Unstructured) (any, error) {
		live, err := kubectl.GetResource(context.Background(), config, object.GroupVersionKind(), object.GetName(), object.GetNamespace())
		if err != nil {
			return nil, err
		}
		found := map[string]json.RawMessage{}
		for way, options := range ways {
			result, err := diff.Diff(object.DeepCopy(), live.DeepCopy(), append(options, common...)...)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", way, err)
			}
			if !result.Modified {
				continue
			}
			if found[way], err = jsonpatch.CreateMergePatch(result.NormalizedLive, result.PredictedLive); err != nil {
				return nil, errors.Join(fmt.Errorf("%s", way), err)
			}
		}
		return found, nil
	}, close, nil
}
