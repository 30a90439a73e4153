{{- define "ecs-keeper.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
Name of the release's objects. No longer than 58 characters, so that with an ending it is still a label's value, and without
dots, which the name of a release may have and that of a Service may not.
*/}}
{{- define "ecs-keeper.fullname" -}}
{{- $name := include "ecs-keeper.name" . -}}
{{- $of := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- .Values.fullnameOverride | default $of | replace "." "-" | trunc 58 | trimSuffix "-" -}}
{{- end -}}

{{- define "ecs-keeper.selectorLabels" -}}
app.kubernetes.io/name: {{ include "ecs-keeper.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/*
Labels of everything but Pods, whose labels shouldn't change with the chart's version. What stands first wins.
*/}}
{{- define "ecs-keeper.labels" -}}
{{- $chart := printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- $own := dict "helm.sh/chart" $chart "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/managed-by" .Release.Service -}}
{{- merge $own (include "ecs-keeper.selectorLabels" . | fromYaml) .Values.commonLabels | toYaml -}}
{{- end -}}

{{- define "ecs-keeper.podLabels" -}}
{{- $injection := dict -}}
{{- if eq (include "ecs-keeper.source" .) "webhook" -}}
{{- /* The label of the namespace would do, too, but that is not the release's. */ -}}
{{- $injection = dict "pod-identity.alibabacloud.com/injection" "on" -}}
{{- end -}}
{{- merge (include "ecs-keeper.selectorLabels" . | fromYaml) $injection .Values.podLabels .Values.commonLabels | toYaml -}}
{{- end -}}

{{- define "ecs-keeper.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "ecs-keeper.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "ecs-keeper.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
The variables of docs/configuration.md that have a value.
*/}}
{{- define "ecs-keeper.settings" -}}
{{- $settings := list
  (list "ECS_KEEPER_LEASE_DURATION" .Values.leaseDuration)
  (list "ECS_KEEPER_ADMIN_ADDRESS" (printf ":%d" (int64 .Values.admin.port)))
  (list "ECS_KEEPER_LOG_FORMAT" .Values.log.format)
  (list "ECS_KEEPER_LOG_LEVEL" .Values.log.level)
-}}
{{- range $settings }}
- name: {{ first . }}
  value: {{ last . | quote }}
{{- end }}
{{- end -}}

{{/*
Egress to peers, a list of none meaning anybody, by TCP.
*/}}
{{- define "ecs-keeper.egress" -}}
- ports:
    {{- /* A rule without ports is one of all ports. */}}
    {{- range required "networkPolicy: write the ports to which traffic may go" .ports }}
    - port: {{ . }}
      protocol: TCP
    {{- end }}
  {{- with .to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
