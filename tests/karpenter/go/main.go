// Karpenter's own controllers, with a cloud provider for Alibaba Cloud that asks the endpoint which the environment names.
//
//	karpenter definitions   prints the definitions of the kinds that it serves, as a list in JSON
//	karpenter [FLAG…]       runs; the flags are Karpenter's own
package main

import (
	"encoding/json"
	"os"
	"slices"

	kwok "sigs.k8s.io/karpenter/kwok/apis"
	"sigs.k8s.io/karpenter/pkg/apis"
	"sigs.k8s.io/karpenter/pkg/controllers"
	"sigs.k8s.io/karpenter/pkg/controllers/state"
	"sigs.k8s.io/karpenter/pkg/operator"
)

func main() {
	if slices.Equal(os.Args[1:], []string{"definitions"}) {
		must(json.NewEncoder(os.Stdout).Encode(map[string]any{
			"apiVersion": "v1", "kind": "List", "items": slices.Concat(apis.CRDs, kwok.CRDs),
		}))
		return
	}
	ctx, op := operator.NewOperator()
	machines, err := newMachines()
	must(err)
	provider := &provider{machines: machines, kube: op.GetClient()}
	cluster := state.NewCluster(op.Clock, op.GetClient(), provider)
	op.WithControllers(ctx, controllers.NewControllers(
		ctx, op.Manager, op.Clock, op.GetClient(), op.EventRecorder, provider, provider, cluster, op.InstanceTypeStore,
	)...).Start(ctx)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
