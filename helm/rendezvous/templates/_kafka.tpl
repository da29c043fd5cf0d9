{{/* How services reach the log. */}}

{{- define "rendezvous.bootstrapServers" -}}
{{- if .Values.kafka.singleNode.enabled -}}
{{- printf "%s.%s.svc:9092" (include "rendezvous.componentName" (list . "kafka")) .Release.Namespace -}}
{{- else -}}
{{- required "kafka.bootstrapServers is empty: name your brokers (host:port,host:port), or try it out with --set kafka.singleNode.enabled=true" .Values.kafka.bootstrapServers -}}
{{- end -}}
{{- end -}}

{{- define "rendezvous.kafkaEnv" -}}
{{- $security := .Values.kafka.security -}}
- name: RENDEZVOUS_BOOTSTRAP_SERVERS
  value: {{ include "rendezvous.bootstrapServers" . | quote }}
{{- if and .Values.kafka.singleNode.enabled (ne $security.protocol "PLAINTEXT") }}
{{- fail "kafka.singleNode speaks PLAINTEXT only: leave kafka.security.protocol as it is, or name brokers of your own" }}
{{- end }}
- name: RENDEZVOUS_SECURITY_PROTOCOL
  value: {{ $security.protocol }}
{{- if hasPrefix "SASL" $security.protocol }}
{{- $secret := required "kafka.security.sasl.existingSecret is empty: name the Secret with the user's name and password" $security.sasl.existingSecret }}
- name: RENDEZVOUS_SASL_MECHANISM
  value: {{ $security.sasl.mechanism }}
- name: RENDEZVOUS_SASL_USERNAME
  {{- if $security.sasl.username }}
  value: {{ $security.sasl.username | quote }}
  {{- else }}
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: {{ $security.sasl.usernameKey }}}
  {{- end }}
- name: RENDEZVOUS_SASL_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: {{ $security.sasl.passwordKey }}}
{{- end }}
{{- if hasSuffix "SSL" $security.protocol }}
{{- with $security.tls.existingSecret }}
- name: RENDEZVOUS_SSL_CA_LOCATION
  value: /etc/rendezvous/kafka-ca/{{ $security.tls.caKey }}
{{- end }}
{{- with $security.tls.clientSecret }}
- name: RENDEZVOUS_SSL_CERTIFICATE_LOCATION
  value: /etc/rendezvous/kafka-client/{{ $security.tls.certificateKey }}
- name: RENDEZVOUS_SSL_KEY_LOCATION
  value: /etc/rendezvous/kafka-client/{{ $security.tls.privateKey }}
{{- with $security.tls.privateKeyPasswordKey }}
- name: RENDEZVOUS_SSL_KEY_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ $security.tls.clientSecret }}, key: {{ . }}}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "rendezvous.kafkaMounts" -}}
{{- $security := .Values.kafka.security -}}
{{- if hasSuffix "SSL" $security.protocol }}
{{- if $security.tls.existingSecret }}
- {name: kafka-ca, mountPath: /etc/rendezvous/kafka-ca, readOnly: true}
{{- end }}
{{- if $security.tls.clientSecret }}
- {name: kafka-client, mountPath: /etc/rendezvous/kafka-client, readOnly: true}
{{- end }}
{{- end }}
{{- end -}}

{{- define "rendezvous.kafkaVolumes" -}}
{{- $security := .Values.kafka.security -}}
{{- if hasSuffix "SSL" $security.protocol }}
{{- with $security.tls.existingSecret }}
- name: kafka-ca
  secret: {secretName: {{ . }}}
{{- end }}
{{- with $security.tls.clientSecret }}
- name: kafka-client
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- end }}
{{- end -}}
