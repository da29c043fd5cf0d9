{{/* Names and labels. */}}

{{- define "rendezvous.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 40 characters, so that every name made of it fits into a label. */}}
{{- define "rendezvous.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "rendezvous.name" . -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Takes a list: the root, the component. */}}
{{- define "rendezvous.componentName" -}}
{{- printf "%s-%s" (include "rendezvous.fullname" (index . 0)) (index . 1) -}}
{{- end -}}

{{- define "rendezvous.selectorLabels" -}}
app.kubernetes.io/name: {{ include "rendezvous.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "rendezvous.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: rendezvous
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{ include "rendezvous.selectorLabels" . }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Takes a list: the root, an image, and what its tag ends with. */}}
{{- define "rendezvous.image" -}}
{{- $root := index . 0 -}}{{- $image := index . 1 -}}{{- $suffix := index . 2 -}}
{{- $registry := $image.registry | default $root.Values.image.registry | default $root.Values.global.imageRegistry -}}
{{- if $registry }}{{ $registry }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}
{{- else -}}
:{{ $image.tag | default (printf "%s%s" ($root.Values.image.tag | default $root.Chart.AppVersion) $suffix) }}
{{- end -}}
{{- end -}}

{{- define "rendezvous.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The services of a release: what runs, with the port of its health and metrics. */}}
{{- define "rendezvous.services" -}}
{{- $services := dict -}}
{{- range $name, $port := dict "gateway" 6070 "feature-extractor" 6071 "rendezvous" 6072 "canary" 6074 "decoy" 6075 "operator" 6076 -}}
{{- $values := index $.Values (eq $name "feature-extractor" | ternary "featureExtractor" $name) -}}
{{- if $values.enabled -}}
{{- $_ := set $services $name (dict "service" $name "port" $port "values" $values) -}}
{{- end -}}
{{- end -}}
{{- range $name, $values := .Values.models -}}
{{- if not (and (hasKey $values "enabled") (not $values.enabled)) -}}
{{- $_ := set $services (printf "model-%s" $name) (dict "service" "model-container" "port" 6073 "values" $values) -}}
{{- end -}}
{{- end -}}
{{- toYaml $services -}}
{{- end -}}

{{/* What a service can be told, of all: its own values, over those of its kind, over the defaults. */}}
{{- define "rendezvous.settings" -}}
{{- $root := index . 0 -}}{{- $service := index . 1 -}}
{{- $kind := eq $service.service "model-container" | ternary $root.Values.modelDefaults dict -}}
{{- toYaml (mergeOverwrite (deepCopy $root.Values.defaults) (deepCopy $kind) (deepCopy $service.values)) -}}
{{- end -}}

{{/* The consumer group, named as the service itself would name it. */}}
{{- define "rendezvous.group" -}}
{{- $models := list -}}
{{- with .values.model -}}{{- $models = splitList "," (nospace .) -}}{{- end -}}
{{- printf "rendezvous.%s" .service -}}
{{- if or (eq .service "model-container") (eq .service "canary") }}.{{ join "_" $models | replace "@" "." }}{{ end -}}
{{- end -}}

{{/* What all pods of a release have in common, those that its operator runs too. */}}
{{- define "rendezvous.instanceLabels" -}}
app.kubernetes.io/name: {{ include "rendezvous.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
