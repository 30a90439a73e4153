// Prints the key that the default chain of credentials-go chooses, or why there is none, as JSON.
package main

import (
	"encoding/json"
	"os"
	"runtime/debug"

	"github.com/aliyun/credentials-go/credentials"
)

func main() {
	// In profiles that refer to each other, the library recurses for as long as there is memory.
	debug.SetMaxStack(64 << 20)
	if err := json.NewEncoder(os.Stdout).Encode(answer()); err != nil {
		panic(err)
	}
}

func answer() map[string]*string {
	why := func(err error) map[string]*string {
		text := err.Error()
		return map[string]*string{"error": &text}
	}
	credential, err := credentials.NewCredential(nil)
	if err != nil {
		return why(err)
	}
	key, err := credential.GetCredential()
	if err != nil {
		return why(err)
	}
	return map[string]*string{
		"accessKeyId":     key.AccessKeyId,
		"accessKeySecret": key.AccessKeySecret,
		"securityToken":   key.SecurityToken,
	}
}
