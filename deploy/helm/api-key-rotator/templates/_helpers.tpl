{{- define "rotator.name" -}}
{{- if contains "api-key-rotator" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-api-key-rotator{{ end -}}
{{- end }}

{{- define "rotator.selector" -}}
app.kubernetes.io/name: api-key-rotator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "rotator.labels" -}}
{{ include "rotator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "rotator.isEnterprise" -}}
{{- if eq .Values.build "enterprise" }}true{{ end -}}
{{- end }}

{{- define "rotator.secret" -}}
{{- .Values.existingSecret | default (include "rotator.name" .) -}}
{{- end }}

{{- /* The secrets that there are, as a list of names in JSON. */ -}}
{{- define "rotator.secretKeys" -}}
{{- if .Values.existingSecret }}{{ .Values.existingSecretKeys | toJson }}{{ else }}{{ keys .Values.secrets | sortAlpha | toJson }}{{ end -}}
{{- end }}
