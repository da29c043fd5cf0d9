{{/* The command line as a pod. Takes a dict: root, name, script (of sh), initScript. */}}
{{- define "rendezvous.cliContainer" -}}
{{- $root := .root -}}
image: {{ include "rendezvous.image" (list $root $root.Values.cli.image "") }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
securityContext: {{- include "rendezvous.containerSecurity" . | nindent 2 }}
env:
  {{- include "rendezvous.kafkaEnv" $root | nindent 2 }}
  - name: RENDEZVOUS_GATEWAY
    value: http://{{ include "rendezvous.componentName" (list $root "gateway") }}:{{ $root.Values.gateway.service.port }}
  - name: RENDEZVOUS_AUTHOR
    value: {{ $root.Values.cli.author | default (printf "helm/%s" $root.Release.Name) | quote }}
  {{- if $root.Values.controlKeys.existingSecret }}
  - name: RENDEZVOUS_CONTROL_KEYS
    value: /etc/rendezvous/control-keys/{{ $root.Values.controlKeys.key }}
  {{- end }}
  {{- if $root.Values.controlKeys.signingSecret }}
  - name: RENDEZVOUS_SIGNING_KEY
    value: /etc/rendezvous/signing-key/{{ $root.Values.controlKeys.signingKey }}
  {{- end }}
  {{- include "rendezvous.env" $root.Values.cli.env | nindent 2 }}
resources: {{- toYaml $root.Values.cli.resources | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: policies, mountPath: /etc/rendezvous/policies, readOnly: true}
  {{- include "rendezvous.kafkaMounts" $root | nindent 2 }}
  {{- include "rendezvous.keyMount" $root | nindent 2 }}
  {{- if $root.Values.controlKeys.signingSecret }}
  - {name: signing-key, mountPath: /etc/rendezvous/signing-key, readOnly: true}
  {{- end }}
  {{- if include "rendezvous.hasArtifacts" $root }}
  - {name: models, mountPath: /models, readOnly: true}
  {{- end }}
{{- end -}}

{{- define "rendezvous.cliPod" -}}
{{- $root := .root -}}
serviceAccountName: {{ .serviceAccount | default (include "rendezvous.serviceAccountName" $root) }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- include "rendezvous.pullSecrets" $root }}
securityContext: {{- include "rendezvous.podSecurity" . | nindent 2 }}
{{- include "rendezvous.placement" (list $root .name (omit (mergeOverwrite (deepCopy $root.Values.defaults) (deepCopy $root.Values.cli)) "topologySpread")) }}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 64Mi}
  - name: policies
    configMap: {name: {{ include "rendezvous.componentName" (list $root "policies") }}}
  {{- include "rendezvous.kafkaVolumes" $root | nindent 2 }}
  {{- include "rendezvous.keyVolume" $root | nindent 2 }}
  {{- with $root.Values.controlKeys.signingSecret }}
  - name: signing-key
    secret: {secretName: {{ . }}, defaultMode: 0440}
  {{- end }}
  {{- include "rendezvous.artifactVolume" $root | nindent 2 }}
{{- end -}}

{{- define "rendezvous.createTopics" -}}
- name: topics
  command: [rendezvous, topics, --partitions, {{ .Values.kafka.partitions | quote }}, --replication-factor, {{ include "rendezvous.replicationFactor" . | quote }}]
  {{- include "rendezvous.cliContainer" (dict "root" .) | nindent 2 }}
{{- end -}}

{{- define "rendezvous.replicationFactor" -}}
{{- .Values.kafka.singleNode.enabled | ternary 1 .Values.kafka.replicationFactor -}}
{{- end -}}
