{{/* What some objects need of each other. */}}

{{- define "rendezvous.archiveVolume" -}}
name: archive
{{- if .Values.decoy.persistence.enabled }}
persistentVolumeClaim:
  claimName: {{ .Values.decoy.persistence.existingClaim | default (include "rendezvous.componentName" (list . "archive")) }}
{{- else }}
emptyDir: {sizeLimit: {{ .Values.decoy.persistence.size }}}
{{- end }}
{{- end -}}

{{- define "rendezvous.operatorAccount" -}}
{{- .Values.operator.serviceAccount.name | default (include "rendezvous.componentName" (list . "operator")) -}}
{{- end -}}

{{- define "rendezvous.operatorEnv" -}}
RENDEZVOUS_BACKEND: kubernetes
RENDEZVOUS_OWNER: {{ include "rendezvous.fullname" . }}
RENDEZVOUS_STOP_S: {{ .Values.operator.stopSeconds | quote }}
RENDEZVOUS_KUBERNETES_NAMESPACE: {{ .Release.Namespace }}
RENDEZVOUS_KUBERNETES_OWNED_BY: {{ include "rendezvous.componentName" (list . "operator") }}
RENDEZVOUS_KUBERNETES_IMAGE: {{ include "rendezvous.image" (list . .Values.modelDefaults.image "-{runtime}") | quote }}
RENDEZVOUS_KUBERNETES_POD: /etc/rendezvous/model-pod/pod.yaml
{{- end -}}

{{- define "rendezvous.policy" -}}
{{ index . 0 }}: {{ index . 1 | quote }}
{{ toYaml (omit (index . 2) (index . 0)) }}
{{- end -}}
