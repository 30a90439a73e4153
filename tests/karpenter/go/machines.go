package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	ecs "github.com/alibabacloud-go/ecs-20140526/v7/client"
	"github.com/alibabacloud-go/tea/tea"
)

const (
	region       = "cn-hangzhou"
	zone         = "cn-hangzhou-h"
	instanceType = "ecs.g7.large"
	image        = "aliyun_3_x64_20G_alibase_20240819.vhd"

	// Both providers for Alibaba Cloud put it on what they make.
	nodePoolTag = "karpenter.sh/nodepool"

	// What the cloud says of an instance that it doesn't know.
	unknownInstance = "InvalidInstanceId.NotFound"
)

var errGone = errors.New("there is no such instance")

// machines is what the provider asks of ECS, through the vendor's SDK.
type machines struct {
	ecs *ecs.Client
}

// machine is an instance of the cloud.
type machine struct {
	id, nodePool string
}

func newMachines() (*machines, error) {
	client, err := ecs.NewClient(&openapi.Config{
		AccessKeyId:     new(os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_ID")),
		AccessKeySecret: new(os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET")),
		Endpoint:        new(os.Getenv("ECS_ENDPOINT")),
		Protocol:        new("HTTP"),
		RegionId:        new(region),
	})
	return &machines{client}, err
}

// run makes an instance, and no second one for the same token.
func (m *machines) run(token, name, nodePool string) (string, error) {
	answer, err := m.ecs.RunInstances(&ecs.RunInstancesRequest{
		RegionId:     new(region),
		ZoneId:       new(zone),
		InstanceType: new(instanceType),
		ImageId:      new(image),
		InstanceName: new(name),
		ClientToken:  new(token),
		Tag:          []*ecs.RunInstancesRequestTag{{Key: new(nodePoolTag), Value: new(nodePool)}},
	})
	if err != nil {
		return "", err
	}
	return *answer.Body.InstanceIdSets.InstanceIdSet[0], nil
}

// release releases an instance as the providers do: by force, because it runs.
func (m *machines) release(id string) error {
	_, err := m.ecs.DeleteInstance(&ecs.DeleteInstanceRequest{InstanceId: new(id), Force: new(true)})
	if said := (*tea.SDKError)(nil); errors.As(err, &said) && tea.StringValue(said.Code) == unknownInstance {
		return errGone
	}
	return err
}

func (m *machines) get(id string) (*machine, error) {
	ids, err := json.Marshal([]string{id})
	if err != nil {
		return nil, err
	}
	found, err := m.describe(&ecs.DescribeInstancesRequest{InstanceIds: new(string(ids))})
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, errGone
	default:
		return found[0], nil
	}
}

// list lists what carries the providers' tag.
func (m *machines) list() ([]*machine, error) {
	return m.describe(&ecs.DescribeInstancesRequest{Tag: []*ecs.DescribeInstancesRequestTag{{Key: new(nodePoolTag)}}})
}

func (m *machines) describe(request *ecs.DescribeInstancesRequest) ([]*machine, error) {
	request.RegionId, request.MaxResults = new(region), new(int32(100))
	var all []*machine
	for {
		answer, err := m.ecs.DescribeInstances(request)
		if err != nil {
			return nil, fmt.Errorf("listing instances, %w", err)
		}
		for _, instance := range answer.Body.Instances.Instance {
			all = append(all, newMachine(instance))
		}
		if request.NextToken = answer.Body.NextToken; request.NextToken == nil || *request.NextToken == "" {
			return all, nil
		}
	}
}

func newMachine(instance *ecs.DescribeInstancesResponseBodyInstancesInstance) *machine {
	made := &machine{id: *instance.InstanceId}
	// An instance without tags comes without the list.
	if instance.Tags != nil {
		for _, tag := range instance.Tags.Tag {
			if *tag.TagKey == nodePoolTag {
				made.nodePool = *tag.TagValue
			}
		}
	}
	return made
}
