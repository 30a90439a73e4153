{{/*
Where the accounts without credentials of their own get them from: webhook or token (both RRSA), profile, ecsRole or accessKey.
Nothing if each account has its own.
*/}}
{{- define "ecs-keeper.source" -}}
{{- $chosen := dict -}}
{{- if .Values.rrsa.enabled }}{{ $_ := set $chosen "rrsa.enabled" (include "ecs-keeper.rrsa" .) }}{{ end -}}
{{- if .Values.profile.existingSecret }}{{ $_ := set $chosen "profile.existingSecret" "profile" }}{{ end -}}
{{- if .Values.ecsRole.enabled }}{{ $_ := set $chosen "ecsRole.enabled" "ecsRole" }}{{ end -}}
{{- if .Values.credentials.existingSecret }}{{ $_ := set $chosen "credentials.existingSecret" "accessKey" }}{{ end -}}
{{- $names := keys $chosen | sortAlpha | join " and " -}}
{{- if gt (len $chosen) 1 -}}
{{- fail (printf "%s: set only one of them; a source of credentials that fails is never replaced by another one." $names) -}}
{{- end -}}
{{- $lacking := false -}}
{{- range .Values.config.accounts | default (list dict) -}}
{{- if kindIs "invalid" .credentials }}{{ $lacking = true }}{{ end -}}
{{- end -}}
{{- $source := first (values $chosen | default (list (ternary "accessKey" "" $lacking))) -}}
{{- /* The credentials of an account may name the variables with the access key. */ -}}
{{- if not (or $lacking (has $source (list "accessKey" ""))) -}}
{{- fail (printf "%s: each account in config.accounts has `credentials` of its own, so nothing would use this; remove one of the two." $names) -}}
{{- end -}}
{{- $source -}}
{{- end -}}

{{/*
How the Pods come by a token for RRSA.
*/}}
{{- define "ecs-keeper.rrsa" -}}
{{- with .Values.rrsa -}}
{{- if and .roleName (or .roleArn .oidcProviderArn) -}}
{{- fail "rrsa: set either roleName, or roleArn and oidcProviderArn; with roleName, ack-pod-identity-webhook finds both ARNs." -}}
{{- else if and .roleName (not $.Values.serviceAccount.create) -}}
{{- fail "rrsa.roleName: the chart annotates only a ServiceAccount that it creates; set serviceAccount.create to true, or use rrsa.roleArn and rrsa.oidcProviderArn." -}}
{{- else if .roleName -}}
webhook
{{- else if and .roleArn .oidcProviderArn -}}
token
{{- else -}}
{{- fail "rrsa.enabled: set rrsa.roleName if the cluster has ack-pod-identity-webhook, otherwise both rrsa.roleArn and rrsa.oidcProviderArn." -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
The Secret with the access key.
*/}}
{{- define "ecs-keeper.secretName" -}}
{{- .Values.credentials.existingSecret | default "ecs-keeper-credentials" -}}
{{- end -}}

{{/*
The credentials of accounts without their own, as the configuration file has them. Nothing for an access key, whose variables the
program looks for by itself. For RRSA they are never left out: where the webhook did not run, the program says so.
*/}}
{{- define "ecs-keeper.credentials" -}}
{{- $source := include "ecs-keeper.source" . -}}
{{- if eq $source "webhook" -}}
oidc: {}
{{- else if eq $source "token" -}}
oidc:
  roleArn: {{ .Values.rrsa.roleArn }}
  providerArn: {{ .Values.rrsa.oidcProviderArn }}
  tokenFile: /var/run/secrets/ecs-keeper/rrsa/token
{{- else if eq $source "profile" -}}
profile:
  file: /var/run/secrets/ecs-keeper/profile/{{ .Values.profile.key }}
  {{- with .Values.profile.name }}
  name: {{ . | quote }}
  {{- end }}
{{- else if eq $source "ecsRole" -}}
ecsRole:
  {{- with .Values.ecsRole.name }}
  name: {{ . | quote }}
  {{- else }} {}
  {{- end }}
{{- end -}}
{{- end -}}

{{/*
The configuration file.
*/}}
{{- define "ecs-keeper.config" -}}
{{- $credentials := include "ecs-keeper.credentials" . | fromYaml -}}
{{- $config := .Values.config -}}
{{- if $credentials -}}
{{- $accounts := list -}}
{{- range .Values.config.accounts | default (list (dict "name" "default")) -}}
{{- $accounts = append $accounts (ternary (set (omit . "credentials") "credentials" $credentials) . (kindIs "invalid" .credentials)) -}}
{{- end -}}
{{- $config = set (omit .Values.config "accounts") "accounts" $accounts -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/*
Whether somebody asks for the metadata service of the node.
*/}}
{{- define "ecs-keeper.asksMetadataService" -}}
{{- $asking := .Values.ecsRole.enabled -}}
{{- range .Values.config.accounts -}}
{{- if hasKey (.credentials | default dict) "ecsRole" }}{{ $asking = true }}{{ end -}}
{{- end -}}
{{- if $asking }}true{{ end -}}
{{- end -}}
