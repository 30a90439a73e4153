{{/*
Parts of the policies in unprotectverb.yaml.
*/}}
{{- define "ecs-keeper.unprotectRole" -}}
{{ include "ecs-keeper.fullname" . }}-unprotect
{{- end -}}

{{/*
The requests that a policy judges, of the kind that is given. Not those for the subresource `status`: they change no spec, and only the
operator's role has the right to them.
*/}}
{{- define "ecs-keeper.unprotectRequests" -}}
failurePolicy: Fail
matchConstraints:
  resourceRules:
    - apiGroups: [ecs-keeper.io]
      apiVersions: [v1alpha1]
      operations: [CREATE, UPDATE, DELETE]
      resources: [{{ . }}]
      scope: Namespaced
{{- end -}}

{{/*
What the validations use. Each is computed only when it is asked for.
*/}}
{{- define "ecs-keeper.unprotectVariables" -}}
- name: holdsVerb
  expression: authorizer.requestResource.check('unprotect').allowed()
{{- with .Values.config.objectSelector }}
- name: labels
  expression: object.metadata.?labels.orValue({})
- name: formerLabels
  expression: oldObject.metadata.?labels.orValue({})
# Whether the operator serves the object (config.objectSelector), and whether it did before.
- name: served
  expression: >-
    {{- include "ecs-keeper.selects" (list . "variables.labels") | nindent 4 }}
- name: wasServed
  expression: >-
    {{- include "ecs-keeper.selects" (list . "variables.formerLabels") | nindent 4 }}
{{- end }}
{{- end -}}

{{/*
The end of a refusal: what to ask for. Given the root and the kind.
*/}}
{{- define "ecs-keeper.unprotectNeeds" -}}
{{- $root := first . -}}
this needs the verb unprotect on {{ last . }}.ecs-keeper.io
{{- if $root.Values.userRoles.create }}, which the ClusterRole {{ include "ecs-keeper.unprotectRole" $root }} gives{{ end }}
{{- end -}}

{{/*
Deleting what unprotects when it is deleted. Given the root, the kind, the policy's value and the value that asks for no act. Namespaces must not hang, so the controller
that empties them passes; the garbage collector does not, because whoever may edit an object may give it an owner. A request on what is
being deleted already changes nothing.
*/}}
{{- define "ecs-keeper.unprotectDeletion" -}}
- expression: >-
    request.operation != 'DELETE' || oldObject.spec.deletionPolicy == 'Keep' || has(oldObject.metadata.deletionTimestamp) ||
    request.userInfo.username == 'system:serviceaccount:kube-system:namespace-controller' || variables.holdsVerb
  reason: Forbidden
  message: >-
    Under deletionPolicy: {{ index . 2 }}, deleting the object unprotects its targets: set deletionPolicy: Keep
    and {{ last . }} first. Otherwise {{ include "ecs-keeper.unprotectNeeds" (list (first .) (index . 1)) }}
{{- end -}}

{{/*
Given the root and the kind.
*/}}
{{- define "ecs-keeper.unprotectLabels" -}}
These labels bring an object that asks for unprotecting into the selection ({{ (first .).Values.config.objectSelector }}), or
take one that protects out of it: {{ include "ecs-keeper.unprotectNeeds" . }}
{{- end -}}

{{/*
A label selector as an expression about a map of labels. Given the selector, in the grammar that the program takes
(`is_label_selector`), and the map. `!=` and `notin` also select what does not have the label, as in the API server.
*/}}
{{- define "ecs-keeper.selects" -}}
{{- $selector := first . -}}
{{- $labels := last . -}}
{{- $key := `[-._/a-zA-Z0-9]+` -}}
{{- $value := `[-._a-zA-Z0-9]*` -}}
{{- $set := printf `(in|notin)\s*\(\s*%s\s*(,\s*%s\s*)*\)` $value $value -}}
{{- $requirement := printf `\s*(!?\s*%s|%s\s*(==?|!=)\s*%s|%s\s+%s)\s*` $key $key $value $key $set -}}
{{- if not (regexMatch (printf `^%s(,%s)*$` $requirement $requirement) $selector) -}}
{{- fail (printf "config.objectSelector: `%s` is not a label selector; write it as for kubectl --selector, such as account=prod or shard in (a,b)" $selector) -}}
{{- end -}}
{{- $conditions := list -}}
{{- range regexFindAll `[^,(]+(\([^)]*\)\s*)?` $selector -1 -}}
{{- $name := regexFind $key . -}}
{{- $rest := splitn $name 2 . -}}
{{- $operator := regexFind `==?|!=|in|notin` (trim $rest._1) -}}
{{- $condition := printf "'%s' in %s" $name $labels -}}
{{- if $operator -}}
{{- $listed := list -}}
{{- range regexReplaceAll `^\s*(==?|!=|in|notin)\s*\(?|\)\s*$` $rest._1 "" | splitList "," -}}
{{- $listed = append $listed (trim . | squote) -}}
{{- end -}}
{{- $condition = printf "%s && %s['%s'] in [%s]" $condition $labels $name (join ", " $listed) -}}
{{- end -}}
{{- $negated := or (hasPrefix "!" (trim .)) (has $operator (list "!=" "notin")) -}}
{{- $conditions = append $conditions (printf "%s(%s)" (ternary "!" "" $negated) $condition) -}}
{{- end -}}
{{- join " && " $conditions -}}
{{- end -}}
