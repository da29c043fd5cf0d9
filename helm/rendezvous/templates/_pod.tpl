{{/* The pods of all services are made here. */}}

{{- define "rendezvous.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "rendezvous.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where a pod is put. Takes a list: the root, the component, its settings. */}}
{{- define "rendezvous.placement" -}}
{{- $settings := index . 2 -}}
{{- with $settings.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $settings.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $settings.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $settings.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $settings.topologySpread }}
{{- if .enabled }}
topologySpreadConstraints:
  {{- range $key := .topologyKeys }}
  - maxSkew: {{ $settings.topologySpread.maxSkew }}
    topologyKey: {{ $key }}
    whenUnsatisfiable: {{ $settings.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels: {{- include "rendezvous.selectorLabels" (list (index $ 0) (index $ 1)) | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
Three questions, each its own: has it begun, can it be asked, does it have to be started again. A gateway has begun
once it is ready, and can be asked from then on: while the log is away it answers with defaults, and if it were taken
out of its Service for that, callers would get nothing. Takes a list: the service, its probes.
*/}}
{{- define "rendezvous.probes" -}}
{{- $gateway := eq (index . 0) "gateway" -}}
{{- with index . 1 -}}
startupProbe:
  httpGet: {path: {{ $gateway | ternary "/health/ready" "/health/live" }}, port: web}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: {{ div .startupSeconds 2 }}
readinessProbe:
  httpGet: {{ $gateway | ternary "{path: /v2/health/live, port: http}" "{path: /health/ready, port: web}" }}
  periodSeconds: {{ .readinessSeconds }}
  timeoutSeconds: 3
  failureThreshold: 2
livenessProbe:
  httpGet: {path: /health/live, port: web}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: {{ max 1 (div .livenessSeconds 10) }}
{{- end -}}
{{- end -}}

{{/* Files of models, copied out of an image or on a volume that exists. */}}
{{- define "rendezvous.artifactVolume" -}}
{{- if .Values.artifacts.existingClaim }}
- name: models
  persistentVolumeClaim: {claimName: {{ .Values.artifacts.existingClaim }}, readOnly: true}
{{- else if .Values.artifacts.image.repository }}
- name: models
  emptyDir: {sizeLimit: {{ .Values.artifacts.sizeLimit }}}
{{- end }}
{{- end -}}

{{- define "rendezvous.artifactCopy" -}}
{{- if and .Values.artifacts.image.repository (not .Values.artifacts.existingClaim) }}
- name: artifacts
  image: {{ include "rendezvous.image" (list . .Values.artifacts.image "") }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [cp, --recursive, --no-preserve=mode, {{ printf "%s/." .Values.artifacts.image.path | quote }}, /models/]
  securityContext: {{- include "rendezvous.containerSecurity" . | nindent 4 }}
  resources: {{- toYaml .Values.artifacts.resources | nindent 4 }}
  volumeMounts:
    - {name: models, mountPath: /models}
{{- end }}
{{- end -}}

{{- define "rendezvous.hasArtifacts" -}}
{{- if or .Values.artifacts.existingClaim .Values.artifacts.image.repository }}true{{ end -}}
{{- end -}}

{{/* Environment from a map: a text, or a whole valueFrom. */}}
{{- define "rendezvous.env" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  {{- if kindIs "map" $value }}
  valueFrom: {{- toYaml $value | nindent 4 }}
  {{- else }}
  value: {{ $value | toString | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{/*
The template of a service's pods. Takes a dict: root, name (of the component), service (of rendezvous.services),
settings, env, ports, mounts, volumes, and lifecycle, of which only the first four have to be there.
*/}}
{{- define "rendezvous.pod" -}}
{{- $root := .root -}}{{- $settings := .settings -}}{{- $service := .service.service -}}
{{- $scores := or (eq $service "model-container") (eq $service "canary") -}}
metadata:
  labels: {{- include "rendezvous.podLabels" (list $root .name) | nindent 4 }}
  {{- with $settings.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with $settings.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ .serviceAccount | default (include "rendezvous.serviceAccountName" $root) }}
  automountServiceAccountToken: {{ .token | default false }}
  # Links would come as variables that the settings take for theirs.
  enableServiceLinks: false
  {{- include "rendezvous.pullSecrets" $root | nindent 2 }}
  securityContext: {{- include "rendezvous.podSecurity" . | nindent 4 }}
  terminationGracePeriodSeconds: {{ $settings.terminationGracePeriodSeconds }}
  {{- include "rendezvous.placement" (list $root .name $settings) | nindent 2 }}
  {{- if and $scores (include "rendezvous.artifactCopy" $root) }}
  initContainers: {{- include "rendezvous.artifactCopy" $root | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ $service }}
      image: {{ include "rendezvous.image" (list $root $settings.image ($scores | ternary (printf "-%s" ($settings.runtime | default "")) "")) }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      securityContext: {{- include "rendezvous.containerSecurity" . | nindent 8 }}
      env:
        {{- if or (not $scores) $settings.model }}
        - name: RENDEZVOUS_INSTANCE
          valueFrom: {fieldRef: {fieldPath: metadata.name}}
        - name: RENDEZVOUS_GROUP
          value: {{ include "rendezvous.group" .service }}
        {{- end }}
        {{- include "rendezvous.kafkaEnv" $root | nindent 8 }}
        - name: RENDEZVOUS_LOG_LEVEL
          value: {{ $settings.logLevel }}
        - name: RENDEZVOUS_GRACE_S
          value: {{ $settings.graceSeconds | quote }}
        {{- if $root.Values.controlKeys.existingSecret }}
        - name: RENDEZVOUS_CONTROL_KEYS
          value: /etc/rendezvous/control-keys/{{ $root.Values.controlKeys.key }}
        {{- end }}
        {{- if $scores }}
        {{- with $settings.model }}
        - name: RENDEZVOUS_MODEL
          value: {{ . | quote }}
        {{- end }}
        - name: RENDEZVOUS_JVM_HEAP_MB
          value: {{ $settings.jvmHeapMb | quote }}
        {{- if include "rendezvous.hasArtifacts" $root }}
        - name: RENDEZVOUS_ARTIFACT_ROOTS
          value: /models
        {{- end }}
        {{- end }}
        {{- include "rendezvous.env" .env | nindent 8 }}
        {{- include "rendezvous.env" $settings.env | nindent 8 }}
      {{- with $settings.envFrom }}
      envFrom: {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - {name: web, containerPort: {{ .service.port }}}
        {{- with .ports }}{{ toYaml . | nindent 8 }}{{ end }}
      {{- include "rendezvous.probes" (list $service $settings.probes) | nindent 6 }}
      {{- with .lifecycle }}
      lifecycle: {{- toYaml . | nindent 8 }}
      {{- end }}
      resources: {{- toYaml $settings.resources | nindent 8 }}
      volumeMounts:
        - {name: data, mountPath: /var/lib/rendezvous}
        - {name: tmp, mountPath: /tmp}
        {{- include "rendezvous.kafkaMounts" $root | nindent 8 }}
        {{- include "rendezvous.keyMount" $root | nindent 8 }}
        {{- if and $scores (include "rendezvous.hasArtifacts" $root) }}
        - {name: models, mountPath: /models, readOnly: true}
        {{- end }}
        {{- with .mounts }}{{ toYaml . | nindent 8 }}{{ end }}
        {{- with $settings.extraVolumeMounts }}{{ toYaml . | nindent 8 }}{{ end }}
  volumes:
    - name: data
      emptyDir: {sizeLimit: {{ $settings.dataSizeLimit }}}
    - name: tmp
      emptyDir: {sizeLimit: 64Mi}
    {{- include "rendezvous.kafkaVolumes" $root | nindent 4 }}
    {{- include "rendezvous.keyVolume" $root | nindent 4 }}
    {{- if $scores }}
    {{- include "rendezvous.artifactVolume" $root | nindent 4 }}
    {{- end }}
    {{- with .volumes }}{{ toYaml . | nindent 4 }}{{ end }}
    {{- with $settings.extraVolumes }}{{ toYaml . | nindent 4 }}{{ end }}
{{- end -}}

{{/* Without the chart's version: a new one that changes nothing else is no reason to start again. */}}
{{- define "rendezvous.podLabels" -}}
app.kubernetes.io/part-of: rendezvous
{{ include "rendezvous.selectorLabels" . }}
{{- with (index . 0).Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "rendezvous.keyMount" -}}
{{- if .Values.controlKeys.existingSecret }}
- {name: control-keys, mountPath: /etc/rendezvous/control-keys, readOnly: true}
{{- end }}
{{- end -}}

{{- define "rendezvous.keyVolume" -}}
{{- with .Values.controlKeys.existingSecret }}
- name: control-keys
  secret: {secretName: {{ . }}}
{{- end }}
{{- end -}}

{{- define "rendezvous.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "rendezvous.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* A Deployment around such a pod; the same dict, and strategy. */}}
{{- define "rendezvous.deployment" -}}
{{- $settings := .settings -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "rendezvous.componentName" (list .root .name) }}
  labels: {{- include "rendezvous.labels" (list .root .name) | nindent 4 }}
  {{- with $settings.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- if not $settings.autoscaling.enabled }}
  replicas: {{ $settings.replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  strategy: {{- toYaml (.strategy | default (dict "type" "RollingUpdate" "rollingUpdate" (dict "maxSurge" 1 "maxUnavailable" 0))) | nindent 4 }}
  selector:
    matchLabels: {{- include "rendezvous.selectorLabels" (list .root .name) | nindent 6 }}
  template: {{- include "rendezvous.pod" . | nindent 4 }}
{{- end -}}
