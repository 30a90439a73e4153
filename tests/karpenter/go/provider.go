package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/awslabs/operatorpkg/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/karpenter/kwok/apis/v1alpha1"
	v1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/scheduling"
)

// As the cloud's controller for Nodes writes it: the region, a point and the instance's id.
const providerIDPrefix = region + "."

// provider is what Karpenter's controllers ask of the cloud, and it stands in for the kubelets.
type provider struct {
	machines *machines
	kube     client.Client
}

func (p *provider) Create(ctx context.Context, claim *v1.NodeClaim) (*v1.NodeClaim, error) {
	// By the claim's uid, so that a second try doesn't make a second machine.
	id, err := p.machines.run(string(claim.UID), claim.Name, claim.Labels[v1.NodePoolLabelKey])
	if err != nil {
		return nil, fmt.Errorf("running an instance, %w", err)
	}
	if err := p.kube.Create(ctx, newNode(claim, id)); client.IgnoreAlreadyExists(err) != nil {
		return nil, fmt.Errorf("creating the node, %w", err)
	}
	return newClaim(&machine{id: id, nodePool: claim.Labels[v1.NodePoolLabelKey]}), nil
}

func (p *provider) Delete(_ context.Context, claim *v1.NodeClaim) error {
	return asNotFound(p.machines.release(instanceID(claim.Status.ProviderID)))
}

func (p *provider) Get(_ context.Context, providerID string) (*v1.NodeClaim, error) {
	machine, err := p.machines.get(instanceID(providerID))
	if err != nil {
		return nil, asNotFound(err)
	}
	return newClaim(machine), nil
}

func (p *provider) List(context.Context) ([]*v1.NodeClaim, error) {
	machines, err := p.machines.list()
	if err != nil {
		return nil, err
	}
	var claims []*v1.NodeClaim
	for _, machine := range machines {
		claims = append(claims, newClaim(machine))
	}
	return claims, nil
}

func (p *provider) GetInstanceTypes(context.Context, *v1.NodePool) ([]*cloudprovider.InstanceType, error) {
	requirements := scheduling.NewLabelRequirements(machineLabels())
	return []*cloudprovider.InstanceType{{
		Name:         instanceType,
		Requirements: requirements,
		Offerings:    cloudprovider.Offerings{{Requirements: requirements, Price: 1, Available: true}},
		Capacity:     capacity(),
		Overhead:     &cloudprovider.InstanceTypeOverhead{},
	}}, nil
}

func (p *provider) IsDrifted(context.Context, *v1.NodeClaim) (cloudprovider.DriftReason, error) {
	return "", nil
}

func (p *provider) RepairPolicies() []cloudprovider.RepairPolicy { return nil }

func (p *provider) Name() string { return "alibabacloud" }

// Karpenter wants a class of nodes. There is nothing to say of it here, so it is the one of Karpenter's own test provider.
func (p *provider) GetSupportedNodeClasses() []status.Object {
	return []status.Object{&v1alpha1.KWOKNodeClass{}}
}

// newNode is the Node as a kubelet registers it, and ready at once.
func newNode(claim *v1.NodeClaim, id string) *corev1.Node {
	ready := corev1.NodeCondition{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady",
		LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now(),
	}
	return &corev1.Node{
		// Not the claim's name: nothing says that they are the same.
		ObjectMeta: metav1.ObjectMeta{Name: providerIDPrefix + claim.Name, Labels: machineLabels()},
		Spec: corev1.NodeSpec{
			ProviderID: providerIDPrefix + id,
			Taints:     []corev1.Taint{v1.UnregisteredNoExecuteTaint},
		},
		Status: corev1.NodeStatus{Capacity: capacity(), Allocatable: capacity(), Conditions: []corev1.NodeCondition{ready}},
	}
}

// newClaim is what a provider tells of a machine.
func newClaim(machine *machine) *v1.NodeClaim {
	labels := machineLabels()
	labels[v1.NodePoolLabelKey] = machine.nodePool
	return &v1.NodeClaim{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Status: v1.NodeClaimStatus{
			ProviderID: providerIDPrefix + machine.id, ImageID: image, Capacity: capacity(), Allocatable: capacity(),
		},
	}
}

func machineLabels() map[string]string {
	return map[string]string{
		corev1.LabelInstanceTypeStable: instanceType,
		corev1.LabelArchStable:         "amd64",
		corev1.LabelOSStable:           "linux",
		corev1.LabelTopologyRegion:     region,
		corev1.LabelTopologyZone:       zone,
		v1.CapacityTypeLabelKey:        v1.CapacityTypeOnDemand,
	}
}

func capacity() corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("2"),
		corev1.ResourceMemory: resource.MustParse("8Gi"),
		corev1.ResourcePods:   resource.MustParse("110"),
	}
}

func instanceID(providerID string) string {
	return strings.TrimPrefix(providerID, providerIDPrefix)
}

func asNotFound(err error) error {
	if errors.Is(err, errGone) {
		return cloudprovider.NewNodeClaimNotFoundError(err)
	}
	return err
}
