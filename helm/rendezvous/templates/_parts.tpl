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
RENDEZVOUS_OPERATOR_AUTHOR: {{ .Values.operator.author }}
{{- if .Values.operator.signingSecret }}
RENDEZVOUS_OPERATOR_KEY: /etc/rendezvous/signing-key/{{ .Values.operator.signingKey }}
{{- end }}
{{- end -}}

{{- define "rendezvous.policy" -}}
{{ index . 0 }}: {{ index . 1 | quote }}
{{ toYaml (omit (index . 2) (index . 0)) }}
{{- end -}}

{{- define "rendezvous.operatorMounts" -}}
- {name: model-pod, mountPath: /etc/rendezvous/model-pod, readOnly: true}
{{- if .Values.operator.signingSecret }}
- {name: signing-key, mountPath: /etc/rendezvous/signing-key, readOnly: true}
{{- end }}
{{- end -}}

{{- define "rendezvous.operatorVolumes" -}}
- name: model-pod
  configMap: {name: {{ include "rendezvous.componentName" (list . "model-pod") }}}
{{- with .Values.operator.signingSecret }}
- name: signing-key
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- end -}}

{{- define "rendezvous.modelPod" -}}
{{- $service := dict "service" "model-container" "port" 6073 "values" dict }}
{{- $settings := fromYaml (include "rendezvous.settings" (list . $service)) }}
{{- $settings = mergeOverwrite $settings (dict "terminationGracePeriodSeconds" (int .Values.operator.stopSeconds)) }}
{{- include "rendezvous.pod" (dict "root" . "name" "operated-model" "service" $service "settings" $settings) }}
{{- end -}}
